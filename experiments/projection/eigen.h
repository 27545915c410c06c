#pragma once

#include <cstdint>
#include <vector>

namespace chainline::experiments {

/// The eigenvalues of a symmetric matrix in descending order, each with its vector.
struct SymmetricEigen {
  std::vector<double> values;   // (m)
  std::vector<double> vectors;  // (m, m): row k is the unit vector of values[k], its sign arbitrary
};

/// A v_k = lambda_k v_k of the symmetric A (m, m): Householder reflections make it tridiagonal,
/// implicit QL steps (Wilkinson's shift) diagonal. Both are backward stable: the values are those
/// of a matrix that differs from A by a small multiple of m eps |A|. Only the upper triangle is
/// read.
///
/// **Errors** ShapeError when there are not m x m numbers; ValueError for one that is not finite.
/// **Bits** exact: plain sums in a fixed order, and no function but the square root.
SymmetricEigen symmetric_eigen(std::vector<double> a, std::int64_t m);

}  // namespace chainline::experiments
