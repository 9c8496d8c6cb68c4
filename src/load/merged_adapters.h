#pragma once

#include <vector>

#include "io/safetensors.h"
#include "load/adapters.h"
#include "load/model_files.h"

namespace calotype {

/// Adapters fitted to the networks of a model that lies unbuilt. Throws `bad_file` as `Adapters` does.
Adapters fitted_to(const ModelFiles& model, const std::vector<AdapterUse>& uses);

/// Whether the adaptation changes any part of the tensor.
bool touches(const Adaptation& adaptation, const RelaidTensor& tensor);

/// The type in which a changed tensor can be written: the one chosen for it, or, where values of that are only ever
/// read, one that holds them.
StoredType type_of_changed(StoredType chosen);

/// Hands the tensor's values to the sink with the adaptation in them: worked out in f32, rounded once. They are held as
/// a whole while that lasts.
void write_changed(const RelaidTensor& tensor, const Adaptation& adaptation, StoredType type, const ByteSink& sink);

}  // namespace calotype
