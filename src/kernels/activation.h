#pragma once

#include <cstdint>
#include <span>

namespace calotype::kernels {

// Element-wise functions and their gradients: y[i] = f(x[i]) and dx[i] = f'(x[i]) dy[i]. All spans of a call have the
// same length, and the result may be one of the arguments. The overloads for double are plain C++: what the fast ones
// are compared with, and what gradient checks run on.

/// x sigmoid(x)
void silu(std::span<const float> x, std::span<float> y);
void silu(std::span<const double> x, std::span<double> y);
void silu_gradient(std::span<const float> x, std::span<const float> dy, std::span<float> dx);
void silu_gradient(std::span<const double> x, std::span<const double> dy, std::span<double> dx);

/// x (1 + erf(x / sqrt 2)) / 2
void gelu(std::span<const float> x, std::span<float> y);
void gelu(std::span<const double> x, std::span<double> y);
void gelu_gradient(std::span<const float> x, std::span<const float> dy, std::span<float> dx);
void gelu_gradient(std::span<const double> x, std::span<const double> dy, std::span<double> dx);

/// x sigmoid(1.702 x)
void quick_gelu(std::span<const float> x, std::span<float> y);
void quick_gelu(std::span<const double> x, std::span<double> y);
void quick_gelu_gradient(std::span<const float> x, std::span<const float> dy, std::span<float> dx);
void quick_gelu_gradient(std::span<const double> x, std::span<const double> dy, std::span<double> dx);

/// 1 / (1 + e^-x)
void sigmoid(std::span<const float> x, std::span<float> y);
void sigmoid(std::span<const double> x, std::span<double> y);
void sigmoid_gradient(std::span<const float> x, std::span<const float> dy, std::span<float> dx);
void sigmoid_gradient(std::span<const double> x, std::span<const double> dy, std::span<double> dx);

void tanh(std::span<const float> x, std::span<float> y);
void tanh(std::span<const double> x, std::span<double> y);
void tanh_gradient(std::span<const float> x, std::span<const float> dy, std::span<float> dx);
void tanh_gradient(std::span<const double> x, std::span<const double> dy, std::span<double> dx);

/// 3 tanh(x / 3)
void tanh_clamp(std::span<const float> x, std::span<float> y);
void tanh_clamp(std::span<const double> x, std::span<double> y);
void tanh_clamp_gradient(std::span<const float> x, std::span<const float> dy, std::span<float> dx);
void tanh_clamp_gradient(std::span<const double> x, std::span<const double> dy, std::span<double> dx);

/// x where x > 0, else 0.2 x (its slope at 0 is 0.2)
void leaky_relu(std::span<const float> x, std::span<float> y);
void leaky_relu(std::span<const double> x, std::span<double> y);
void leaky_relu_gradient(std::span<const float> x, std::span<const float> dy, std::span<float> dx);
void leaky_relu_gradient(std::span<const double> x, std::span<const double> dy, std::span<double> dx);

/// x where x > 0, else 0 (its slope at 0 is 0)
void relu(std::span<const float> x, std::span<float> y);
void relu(std::span<const double> x, std::span<double> y);
void relu_gradient(std::span<const float> x, std::span<const float> dy, std::span<float> dx);
void relu_gradient(std::span<const double> x, std::span<const double> dy, std::span<double> dx);

/// e^x. In f32 the argument is held within [-87.3, 88.3]. Its gradient is a product with y.
void exponential(std::span<const float> x, std::span<float> y);
void exponential(std::span<const double> x, std::span<double> y);

/// y[r, i] = x[r, i] gelu(x[r, width + i]): values first, gates last. x is [rows, 2 width], y [rows, width]; they may
/// not overlap.
void geglu(int64_t width, std::span<const float> x, std::span<float> y);
void geglu(int64_t width, std::span<const double> x, std::span<double> y);
/// dx is [rows, 2 width] and may be x.
void geglu_gradient(int64_t width, std::span<const float> x, std::span<const float> dy, std::span<float> dx);
void geglu_gradient(int64_t width, std::span<const double> x, std::span<const double> dy, std::span<double> dx);

}  // namespace calotype::kernels
