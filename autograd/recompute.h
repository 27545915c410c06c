#pragma once

#include "autograd/variable.h"

namespace chainline {

/// f(inputs), of whose history only the inputs are kept. A backward pass that comes here computes
/// f again, records it this time, and walks what it recorded in place of this node: memory for the
/// values inside of f is held for one f at a time, and every f is computed twice.
///
///   y = recompute([&](const Variables& in) { return Variables{block(in[0])}; }, {x})[0];
///
/// f may use other variables, such as parameters; their gradients arrive as if f's ops had been
/// kept. It is called again with the same inputs whenever a gradient passes, so it must do the same
/// every time, and what it refers to must live as long as the result's history. Nests.
///
/// Errors   at the backward pass, AutogradError when f recorded other ops than before, or when an
///          input, a parameter or a constant that f's ops read was written to since
/// Bits     every gradient has the bits it has without recompute, also accumulated or per sample;
///          a gradient of gradients adds its parts in another order, since f's ops stand on the
///          tape once for each pass
/// Source   Chen et al.: Training Deep Nets with Sublinear Memory Cost (2016)
Variables recompute(const Function& f, const Variables& inputs);

}  // namespace chainline
