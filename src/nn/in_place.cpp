#include "nn/in_place.h"

#include <algorithm>
#include <vector>

#include "tensor/history.h"

namespace calotype {

Tensor in_place_of(Tensor x, const Linear& layer) {
  // Parts of the rows: what is made first, and the most that is made at a time, for it is made elsewhere and copied.
  constexpr int64_t kFirst = 64, kMost = 16;
  const int64_t rows = x.shape().rows(), in = x.dim(-1), out = layer.weight.dim(0);
  if (recording() || !x.reusable() || x.dtype() != DType::f32 || out >= in || rows < kFirst) return layer(x);
  std::vector<int64_t> extents(x.shape().begin(), x.shape().end());
  extents.back() = out;
  const Tensor lines = x.reshape({rows, in}), values = x.reshape({rows * in});
  x = Tensor();
  // Rows below `end` of the result end where row end * out / in of x begins: what is done already.
  for (int64_t done = 0; done < rows;) {
    const int64_t free = done == 0 ? rows / kFirst : std::max(done + 1, done * in / out);
    const int64_t end = std::min({rows, free, done + std::max<int64_t>(rows / kMost, 1)});
    const Tensor made = layer(lines.rows(done, end - done));
    Tensor to = values.rows(done * out, (end - done) * out);
    for_float(DType::f32, [&]<class T>() { std::ranges::copy(made.view<T>(), to.edit<T>().begin()); });
    done = end;
  }
  return values.rows(0, rows * out).reshape(extents);
}

}  // namespace calotype
