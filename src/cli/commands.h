#pragma once

#include <span>
#include <string>

namespace calotype::cli {

/// Each takes what follows its name, and returns an exit code or throws an `Error`.
using Arguments = std::span<const std::string>;

int txt2img(Arguments arguments);
int img2img(Arguments arguments);
int depth2img(Arguments arguments);
int inpaint(Arguments arguments);
int upscale(Arguments arguments);
int depth(Arguments arguments);
int inspect(Arguments arguments);
int metadata(Arguments arguments);
int info(Arguments arguments);
int list_samplers(Arguments arguments);
int list_models(Arguments arguments);
int tokens(Arguments arguments);
int train(Arguments arguments);
int bench(Arguments arguments);
int convert(Arguments arguments);
int merge(Arguments arguments);

}  // namespace calotype::cli
