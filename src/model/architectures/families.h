// One function a family; all.cc lists them.
#pragma once

#include "model/architecture.h"

namespace kilter {

const Architecture& llama_architecture();
const Architecture& qwen2_architecture();
const Architecture& qwen3_architecture();

}  // namespace kilter
