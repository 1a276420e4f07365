#include "observe/recording_ops.h"

namespace kilter {

void RecordingOps::call(const OpCall& c) {
  OpsWrapper::call(c);
  if (!sink_.wants(c.at)) return;
  const Shape shape = c.made();
  values_.resize(static_cast<size_t>(shape.elements()));
  if (c.is_kv_store()) {
    read_stored_rows(c);
  } else {
    device().read_back(*c.y, values_);
  }
  sink_.take(c.at, shape, values_);
}

void RecordingOps::read_stored_rows(const OpCall& c) {
  const auto width = static_cast<size_t>(c.y->row_size());
  size_t begin = 0;
  for (const int64_t row : c.stored_rows()) {
    read_cached(c.cache_part(), *c.y, row, std::span(values_).subspan(begin, width));
    begin += width;
  }
}

}  // namespace kilter
