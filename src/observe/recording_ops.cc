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
  const std::vector<int64_t> rows = c.stored_rows();
  for (size_t t = 0; t < rows.size();) {
    size_t n = 1;  // rows that stand one behind the other in the pool are read at once
    while (t + n < rows.size() && rows[t + n] == rows[t] + static_cast<int64_t>(n)) ++n;
    const Tensor stored = rows_of(*c.y, rows[t], static_cast<int64_t>(n));
    device().read_back(stored, std::span(values_).subspan(t * width, n * width));
    t += n;
  }
}

}  // namespace kilter
