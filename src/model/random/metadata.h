// The metadata of a random model, but for its vocabulary.
#pragma once

#include <cstdint>
#include <string>

#include "gguf/metadata.h"
#include "model/random/shape.h"

namespace kilter {

/// Adds general.*: architecture, type, name, description, file_type (file_type.h) and quantization_version.
void add_general_keys(const std::string& name, const std::string& description, uint32_t file_type,
                      const ModelShape& shape, gguf::Metadata& metadata);

/// Adds the numbers that model/config.h reads, under the prefix of the architecture.
void add_shape_keys(const ModelShape& shape, gguf::Metadata& metadata);

}  // namespace kilter
