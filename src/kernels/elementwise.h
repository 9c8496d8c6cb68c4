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

/// y = a x + b
void scale(double a, double b, std::span<const float> x, std::span<float> y);
void scale(double a, double b, std::span<const double> x, std::span<double> y);

/// y[b, r, c] = x[b, r, c] + row[b, c]. x and y are [batch, rows, width], row [batch, width]; batch 1 is one row for
/// all.
void add_row(int64_t batch, int64_t width, std::span<const float> x, std::span<const float> row, std::span<float> y);
void add_row(int64_t batch, int64_t width, std::span<const double> x, std::span<const double> row, std::span<double> y);

/// sums[b, c] = sum over r of x[b, r, c]: the gradient of add_row's row. Summed in double, over ranges of rows that
/// depend on rows and width alone.
void sum_rows(int64_t batch, int64_t width, std::span<const float> x, std::span<float> sums);
void sum_rows(int64_t batch, int64_t width, std::span<const double> x, std::span<double> sums);

/// Sums of x and of x^2, in double, over ranges of a fixed size.
double sum(std::span<const float> x);
double sum(std::span<const double> x);
double sum_of_squares(std::span<const float> x);
double sum_of_squares(std::span<const double> x);

}  // namespace calotype::kernels
