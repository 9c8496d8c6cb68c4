#include "kernels/conv2d_scalar.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/parallel.h"

namespace calotype::kernels {
namespace {

/// Calls body(input pixel, output pixel, tap) for all that meet in one picture, outputs in order.
template <class Body>
void for_pairs(const ConvShape& s, int64_t picture, const Body& body) {
  const int64_t out_height = s.out_height(), out_width = s.out_width();
  for (int64_t i = 0; i < out_height; ++i)
    for (int64_t j = 0; j < out_width; ++j)
      for (int64_t tap = 0; tap < s.kernel * s.kernel; ++tap) {
        const int64_t y = i * s.stride + tap / s.kernel - s.top, x = j * s.stride + tap % s.kernel - s.left;
        if (y >= 0 && y < s.height && x >= 0 && x < s.width)
          body((picture * s.height + y) * s.width + x, (picture * out_height + i) * out_width + j, tap);
      }
}

}  // namespace

namespace reference {

template <class T>
void conv2d(const ConvShape& s, const T* x, const T* weight, const T* bias, T* y) {
  const int64_t pixels = s.out_height() * s.out_width(), taps = s.kernel * s.kernel;
  parallel_for(s.batch, [&](int64_t b) {
    for (int64_t i = 0; i < pixels * s.out; ++i) y[b * pixels * s.out + i] = bias ? bias[i % s.out] : 0;
    for_pairs(s, b, [&](int64_t from, int64_t to, int64_t tap) {
      for (int64_t o = 0; o < s.out; ++o) {
        T sum = 0;
        for (int64_t c = 0; c < s.in; ++c) sum += x[from * s.in + c] * weight[(o * s.in + c) * taps + tap];
        y[to * s.out + o] += sum;
      }
    });
  });
}

template <class T>
void conv2d_data_gradient(const ConvShape& s, const T* weight, const T* dy, T* dx) {
  const int64_t taps = s.kernel * s.kernel;
  parallel_for(s.batch, [&](int64_t b) {
    std::fill_n(dx + b * s.height * s.width * s.in, s.height * s.width * s.in, T(0));
    for_pairs(s, b, [&](int64_t to, int64_t from, int64_t tap) {
      for (int64_t o = 0; o < s.out; ++o)
        for (int64_t c = 0; c < s.in; ++c)
          dx[to * s.in + c] += dy[from * s.out + o] * weight[(o * s.in + c) * taps + tap];
    });
  });
}

template <class T>
void conv2d_weight_gradient(const ConvShape& s, const T* x, const T* dy, T* dweight, T* dbias) {
  const int64_t pixels = s.batch * s.out_height() * s.out_width(), taps = s.kernel * s.kernel;
  parallel_for(s.out, [&](int64_t o) {
    if (dbias) {
      dbias[o] = 0;
      for (int64_t i = 0; i < pixels; ++i) dbias[o] += dy[i * s.out + o];
    }
    if (!dweight) return;
    std::fill_n(dweight + o * s.in * taps, s.in * taps, T(0));
    for (int64_t b = 0; b < s.batch; ++b)
      for_pairs(s, b, [&](int64_t from, int64_t to, int64_t tap) {
        for (int64_t c = 0; c < s.in; ++c)
          dweight[(o * s.in + c) * taps + tap] += dy[to * s.out + o] * x[from * s.in + c];
      });
  });
}

#define CALOTYPE_INSTANTIATE(T)                                                    \
  template void conv2d<T>(const ConvShape&, const T*, const T*, const T*, T*);     \
  template void conv2d_data_gradient<T>(const ConvShape&, const T*, const T*, T*); \
  template void conv2d_weight_gradient<T>(const ConvShape&, const T*, const T*, T*, T*);
CALOTYPE_INSTANTIATE(float)
CALOTYPE_INSTANTIATE(double)
#undef CALOTYPE_INSTANTIATE

}  // namespace reference

namespace scalar {
namespace {

std::vector<float> written_out(const ConvShape& s, const MapReading& r) {
  std::vector<float> map(s.batch * s.height * s.width * s.in);
  const int64_t factor = r.doubled ? 2 : 1, first = r.second ? r.first_channels : s.in, second = s.in - first;
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t y = 0; y < s.height; ++y)
      for (int64_t x = 0; x < s.width; ++x) {
        const int64_t from = (b * (s.height / factor) + y / factor) * (s.width / factor) + x / factor;
        for (int64_t c = 0; c < s.in; ++c) {
          double v = c < first ? r.first[from * first + c] : r.second[from * second + c - first];
          if (r.scale) v = v * r.scale[b * s.in + c] + (r.shift ? r.shift[b * s.in + c] : 0);
          if (r.silu) v = v / (1 + std::exp(-v));
          map[((b * s.height + y) * s.width + x) * s.in + c] = static_cast<float>(v);
        }
      }
  return map;
}

std::vector<float> widened(const ConvShape& s, const Weights& weight) {
  std::vector<float> wide(s.out * s.in * s.kernel * s.kernel);
  widen(weight.data, weight.dtype, 0, static_cast<int64_t>(wide.size()), wide.data());
  return wide;
}

}  // namespace

void conv2d(const Conv2d& p) {
  const ConvShape& s = p.shape;
  const int64_t pixels = s.out_height() * s.out_width();
  std::vector<float> y(s.batch * pixels * s.out);
  reference::conv2d<float>(s, written_out(s, p.x).data(), widened(s, p.weight).data(), p.bias, y.data());
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t o = 0; o < s.out; ++o) {
      double sum = 0, squares = 0;
      for (int64_t i = 0; i < pixels; ++i) {
        const int64_t at = (b * pixels + i) * s.out + o;
        float v = y[at];
        if (p.offset) v += p.offset[b * s.out + o];
        if (p.add) v += p.add[at];
        p.y[at] = v;
        sum += v;
        squares += double(v) * v;
      }
      if (!p.sums) continue;
      p.sums[2 * (b * s.out + o)] = sum;
      p.sums[2 * (b * s.out + o) + 1] = squares;
    }
}

void conv2d_data_gradient(const ConvShape& shape, Weights weight, const float* dy, float* dx) {
  reference::conv2d_data_gradient<float>(shape, widened(shape, weight).data(), dy, dx);
}

void conv2d_weight_gradient(const ConvShape& shape, const MapReading& x, const float* dy, float* dweight,
                            float* dbias) {
  const std::vector<float> map = dweight ? written_out(shape, x) : std::vector<float>();
  reference::conv2d_weight_gradient<float>(shape, map.data(), dy, dweight, dbias);
}

}  // namespace scalar
}  // namespace calotype::kernels
