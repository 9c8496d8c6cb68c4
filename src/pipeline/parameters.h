#pragma once

#include "io/infotext.h"
#include "pipeline/request.h"

namespace calotype {

/// What is written into picture `index` of a drawing, so that this program and others can draw it again: the web
/// interface's words where it has some, and `Guidance rescale`, `Spacing`, `Sigmas`, `Eta`, `Prediction`, `Recipe`,
/// `Precision`.
Infotext parameters_of(const StableDiffusion& model, const Settled& run, int64_t index);

/// The program's name and version, as in `Version`.
const char* program_version();

}  // namespace calotype
