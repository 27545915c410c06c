// The gradient of sum(w * w) at w = (3, 4).

#include <iostream>

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "tensor/print.h"

int main() {
  using namespace chainline;
  const Variable w(Tensor::from<double>({3, 4}, {2}), true);
  const Variable loss = sum_all(w * w);
  std::cout << to_string(grad({loss}, {w})[0].value()) << '\n';
}
