#pragma once

#include <cstdint>
#include <span>

namespace calotype::kernels {

// Arithmetic on whole spans. All spans of a call have the same length unless said; a result may be one of the
// arguments. The overloads for double are plain C++.

/// z = x + y
void add(std::span<const float> x, std::span<const float> y, std::span<float> z);
void add(std::span<const double> x, std::span<const double> y, std::span<double> z);

/// z = x - y
void subtract(std::span<const float> x, std::span<const float> y, std::span<float> z);
void subtract(std::span<const double> x, std::span<const double> y, std::span<double> z);

/// z = x y
void multiply(std::span<const float> x, std::span<const float> y, std::span<float> z);
void multiply(std::span<const double> x, std::span<const double> y, std::span<double> z);

/// z = x / y
void divide(std::span<const float> x, std::span<const float> y, std::span<float> z);
void divide(std::span<const double> x, std::span<const double> y, std::span<double> z);

/// z = a x + b y
void combine(double a, std::span<const float> x, double b, std::span<const float> y, std::span<float> z);
void combine(double a, std::span<const double> x, double b, std::span<const double> y, std::span<double> z);

/// y = a x + b
void scale(double a, double b, std::span<const float> x, std::span<float> y);
void scale(double a, double b, std::span<const double> x, std::span<double> y);

/// y += a x
void axpy(double a, std::span<const float> x, std::span<float> y);
void axpy(double a, std::span<const double> x, std::span<double> y);

/// y = x^2
void square(std::span<const float> x, std::span<float> y);
void square(std::span<const double> x, std::span<double> y);

/// y = sqrt(x)
void square_root(std::span<const float> x, std::span<float> y);
void square_root(std::span<const double> x, std::span<double> y);

/// y = |x|
void absolute(std::span<const float> x, std::span<float> y);
void absolute(std::span<const double> x, std::span<double> y);
/// dx = sign(x) dy, 0 where x is 0
void absolute_gradient(std::span<const float> x, std::span<const float> dy, std::span<float> dx);
void absolute_gradient(std::span<const double> x, std::span<const double> dy, std::span<double> dx);

/// y = x held within [low, high]
void clamp(double low, double high, std::span<const float> x, std::span<float> y);
void clamp(double low, double high, std::span<const double> x, std::span<double> y);
/// dx = dy where low <= x <= high, else 0
void clamp_gradient(double low, double high, std::span<const float> x, std::span<const float> dy, std::span<float> dx);
void clamp_gradient(double low, double high, std::span<const double> x, std::span<const double> dy,
                    std::span<double> dx);

/// y[b, r, c] = x[b, r, c] + row[b, c]. x and y are [batch, rows, width], row [batch, width]; batch 1 is one row for
/// all.
void add_row(int64_t batch, int64_t width, std::span<const float> x, std::span<const float> row, std::span<float> y);
void add_row(int64_t batch, int64_t width, std::span<const double> x, std::span<const double> row, std::span<double> y);

/// y[b, r, c] = x[b, r, c] row[b, c], shaped as add_row.
void multiply_row(int64_t batch, int64_t width, std::span<const float> x, std::span<const float> row,
                  std::span<float> y);
void multiply_row(int64_t batch, int64_t width, std::span<const double> x, std::span<const double> row,
                  std::span<double> y);

/// sums[b, c] = sum over r of x[b, r, c]: the gradient of add_row's row. Summed in double, over ranges of rows that
/// depend on rows and width alone.
void sum_rows(int64_t batch, int64_t width, std::span<const float> x, std::span<float> sums);
void sum_rows(int64_t batch, int64_t width, std::span<const double> x, std::span<double> sums);

/// Sums of x, of x^2 and of x y, in double, over ranges of a fixed size.
double sum(std::span<const float> x);
double sum(std::span<const double> x);
double sum_of_squares(std::span<const float> x);
double sum_of_squares(std::span<const double> x);
double dot(std::span<const float> x, std::span<const float> y);
double dot(std::span<const double> x, std::span<const double> y);

}  // namespace calotype::kernels
