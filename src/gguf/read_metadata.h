// The key-value section of a GGUF file, from bytes to Metadata.
#pragma once

#include <cstdint>

#include "gguf/field_reader.h"
#include "gguf/metadata.h"
#include "kilter/result.h"

namespace kilter::gguf {

/// Reads `count` keys with their values, checks every length and type on the way, and proves the keys
/// distinct. Memory: at most a small multiple of the bytes read. Errors: corrupt, naming the key.
Result<Metadata> read_metadata(FieldReader& in, uint64_t count);

}  // namespace kilter::gguf
