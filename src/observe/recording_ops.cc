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
  const int64_t width = c.y->row_size();
  const auto row = [&](int64_t t) {
    const size_t i = static_cast<size_t>(t);
    return c.tables->row(c.batch->sequences[i], c.batch->positions[i]);
  };
  for (int64_t t = 0; t < c.x->rows();) {
    int64_t n = 1;  // rows that stand one behind the other in the pool are read at once
    while (t + n < c.x->rows() && row(t + n) == row(t) + n) ++n;
    const Tensor stored = rows_of(*c.y, row(t), n);
    device().read_back(
        stored, std::span(values_).subspan(static_cast<size_t>(t * width), static_cast<size_t>(n * width)));
    t += n;
  }
}

}  // namespace kilter
