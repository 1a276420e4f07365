#include "cli/trace/trace_run.h"

#include <algorithm>
#include <array>
#include <bit>

#include "cli/interrupt.h"
#include "cli/progress.h"
#include "engine/list_forward.h"
#include "observe/trace_sink.h"
#include "trace/safetensors_writer.h"

namespace kilter::cli {
namespace {

// The ids stand in the file as a value of their own, so that nobody compares runs of different prompts.
constexpr std::string_view kIdsName = "token_ids";

// Every op call of the run, pass by pass.
Result<std::vector<ListedOp>> list_run(const TraceRequest& request) {
  ListingOps listing;
  const auto n = static_cast<int64_t>(request.ids.size());
  for (int64_t begin = 0; begin < n; begin += request.session.chunk) {
    const int64_t end = std::min(n, begin + request.session.chunk);
    KILTER_TRY(list_forward(request.loaded.model, end - begin, end, listing));
  }
  return listing.ops();
}

Result<SafetensorsWriter> create_file(const TraceRequest& request, const TraceOutput& output) {
  KILTER_ASSIGN(const std::vector<ListedOp> ops, list_run(request));
  std::vector<TensorSpec> specs = plan_trace(ops, request.filter);
  if (specs.empty()) {
    return Error{ErrorCode::usage, "--only", "no value of this model has such a name",
                 "`kilter explain` lists the names"};
  }
  const auto n = static_cast<int64_t>(request.ids.size());
  specs.insert(specs.begin(), TensorSpec{std::string(kIdsName), ElementType::i32, {n}});
  KILTER_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::create(*output.path, specs, output.metadata));
  KILTER_TRY(writer.write(kIdsName, 0, std::span<const int32_t>(request.ids)));
  return writer;
}

// Gives each value to those of two sinks that want it.
class BothSinks final : public ValueSink {
 public:
  BothSinks(ValueSink* first, ValueSink* second) : sinks_{first, second} {}

  bool wants(At at) override {
    return std::any_of(sinks_.begin(), sinks_.end(),
                       [&](ValueSink* s) { return s != nullptr && s->wants(at); });
  }
  void take(At at, const Shape& shape, std::span<const float> values) override {
    for (ValueSink* sink : sinks_) {
      if (sink != nullptr && sink->wants(at)) sink->take(at, shape, values);
    }
  }

 private:
  std::array<ValueSink*, 2> sinks_;
};

Status same_bits(const AllLogits& untraced, const AllLogits& traced, int64_t n_vocab) {
  for (size_t i = 0; i < untraced.size(); ++i) {
    if (std::bit_cast<uint32_t>(untraced[i]) == std::bit_cast<uint32_t>(traced[i])) continue;
    return Error{ErrorCode::mismatch, "--self-check",
                 "tracing changed logit " + std::to_string(i % static_cast<size_t>(n_vocab)) + " of row " +
                     std::to_string(i / static_cast<size_t>(n_vocab)) + " from " +
                     std::to_string(untraced[i]) + " to " + std::to_string(traced[i]),
                 "this is a defect of the backend, please report it; no trace was written"};
  }
  return {};
}

}  // namespace

Result<AllLogits> run_prompt(const TraceRequest& request, Ops& ops, const std::string& label) {
  KILTER_ASSIGN(Sequence sequence, Sequence::create(request.loaded.model, ops, request.session));
  Progress progress(label, request.ids.size(), ProgressUnit::steps);
  AllLogits logits;
  FeedOptions feed;
  feed.rows = LogitRows::all;
  feed.take_logits = [&](std::span<const float> rows) {
    logits.insert(logits.end(), rows.begin(), rows.end());
  };
  feed.progress = [&](int64_t done) {
    progress.update(static_cast<uint64_t>(done));
    return interrupted() ? Go::stop : Go::on;
  };
  KILTER_TRY(sequence.feed(request.ids, feed));
  return logits;
}

Result<TraceSummary> run_traced(const TraceRequest& request, Ops& ops, const TraceOutput& output) {
  std::optional<SafetensorsWriter> writer;
  std::optional<TraceSink> file_sink;
  if (output.path) {
    KILTER_ASSIGN(writer, create_file(request, output));
    file_sink.emplace(*writer);
  }
  BothSinks sinks(file_sink ? &*file_sink : nullptr, output.print);
  RecordingOps recording(ops, sinks);
  KILTER_ASSIGN(const AllLogits traced, run_prompt(request, recording, "tracing"));
  if (output.untraced) KILTER_TRY(same_bits(*output.untraced, traced, request.loaded.model.n_vocab()));
  if (!writer) return TraceSummary{};
  KILTER_TRY(file_sink->status());
  KILTER_TRY(writer->commit());
  return TraceSummary{.values = writer->size(), .bytes = writer->file_bytes()};
}

}  // namespace kilter::cli
