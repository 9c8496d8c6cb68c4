#pragma once

#include "tensor/history.h"

namespace calotype {

// Every loss is a scalar. A target is an input like any other: whoever wants it constant detaches it.

/// Mean of squared differences over all elements.
Tensor mean_squared_error(const Tensor& prediction, const Tensor& target);
/// Per picture, then weighted, then the mean over pictures: weights [B] as plain numbers.
Tensor mean_squared_error(const Tensor& prediction, const Tensor& target, std::span<const double> weights);
/// Mean of absolute differences.
Tensor mean_absolute_error(const Tensor& prediction, const Tensor& target);
/// Mean of sqrt(d^2 + c^2) - c (the pseudo-Huber loss).
Tensor huber(const Tensor& prediction, const Tensor& target, double c);

/// mean + exp(clamp(log_variance, -30, 20) / 2) * noise; no gradient of log_variance where it was clamped.
Tensor reparametrise(const Tensor& mean, const Tensor& log_variance, const Tensor& noise);
/// Divergence of N(mean, exp(log_variance)) from N(0, 1): ½ Σ (mean² + e^lv - 1 - lv) over a picture, mean over
/// pictures; log_variance clamped as above.
Tensor gaussian_divergence(const Tensor& mean, const Tensor& log_variance);

/// Mean over rows of -ln softmax(logits)[target]: logits [N, classes].
Tensor cross_entropy(const Tensor& logits, std::span<const int32_t> targets);
/// CLIP's loss (Radford et al. 2021): both feature lists [N, C] are normalised; logits = exp(log_scale) cosines; the
/// mean of the cross entropies by row and by column. log_scale is a tensor of one element.
Tensor contrastive(const Tensor& image_features, const Tensor& text_features, const Tensor& log_scale);
/// Mean over rows of 1 - cosine(a, b).
Tensor one_minus_cosine(const Tensor& a, const Tensor& b);

/// Hinge losses of an adversarial pair: ½ (mean relu(1 - real) + mean relu(1 + fake)), and -mean fake.
Tensor hinge_discriminator(const Tensor& real, const Tensor& fake);
Tensor hinge_generator(const Tensor& fake);
/// Mean of the cross entropy of sigmoid(logits) with targets in [0, 1], which must not be tracked.
Tensor binary_cross_entropy(const Tensor& logits, const Tensor& targets);

}  // namespace calotype
