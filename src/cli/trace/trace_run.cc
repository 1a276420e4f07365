#include "cli/trace/trace_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <memory>

#include "cli/interrupt.h"
#include "cli/progress.h"
#include "engine/list_forward.h"
#include "engine/sampler.h"
#include "observe/row_selector.h"
#include "observe/stage_recording_ops.h"
#include "observe/trace_sink.h"
#include "trace/safetensors_writer.h"

namespace kilter::cli {
namespace {

// The ids stand in the file as a value of their own, so that nobody compares runs of different prompts.
constexpr std::string_view kIdsName = "token_ids";

bool is_seen(const TraceRequest& request, At at) {
  if (!request.filter.matches(at)) return false;
  if (request.stages == TraceStages::expanded) return true;
  const Layer* layer = at.il < 0 ? nullptr : &request.model.layers[static_cast<size_t>(at.il)];
  return outlives_stage(at, layer);
}

// The tensors of the file, as one pass over the whole run would make them: cutting it changes no shape.
Result<std::vector<TensorSpec>> plan_file(const TraceRequest& request) {
  const int64_t n = request.n_tokens();
  ListingOps listing;
  KILTER_TRY(list_forward(request.model, n, n, listing));
  std::vector<ListedOp> ops = listing.ops();
  std::erase_if(ops, [&](const ListedOp& op) { return !is_seen(request, op.at); });
  std::vector<TensorSpec> specs = plan_trace(ops, request.filter);
  if (specs.empty()) {
    return Error{ErrorCode::usage, "--only", "no value of this model has such a name",
                 request.stages == TraceStages::as_run
                     ? "`kilter explain` lists the names; --as-run sees some"
                     : "`kilter explain` lists the names"};
  }
  if (request.positions) {
    for (TensorSpec& spec : specs) spec.shape.front() = static_cast<int64_t>(request.positions->size());
  }
  specs.insert(specs.begin(), TensorSpec{std::string(kIdsName), ElementType::i32, {n}});
  return specs;
}

std::vector<int64_t> passes_of(const TraceRequest& request) {
  std::vector<int64_t> passes(1 + static_cast<size_t>(request.steps), 1);
  passes.front() = static_cast<int64_t>(request.prompt.size());
  return passes;
}

std::map<std::string, std::string> described(const TraceRequest& request, const std::vector<int32_t>& ids,
                                             std::map<std::string, std::string> metadata) {
  metadata["token_ids"] = fmt::format("{}", fmt::join(ids, ","));
  metadata["passes"] = fmt::format("{}", fmt::join(passes_of(request), ","));
  metadata["stages"] = request.stages == TraceStages::expanded ? "expanded" : "as run";
  metadata["self_check"] = request.self_check == SelfCheck::yes ? "passed" : "not run";
  if (request.positions) metadata["positions"] = fmt::format("{}", fmt::join(*request.positions, ","));
  return metadata;
}

/// The file of a run, if there is one: planned before the run, described after it.
class TraceFile {
 public:
  static Result<std::unique_ptr<TraceFile>> create(const TraceRequest& request, const TraceOutput& output) {
    KILTER_ASSIGN(const std::vector<TensorSpec> specs, plan_file(request));
    // The ids of the steps are only known in the end; none is longer than these.
    std::vector<int32_t> ids = request.prompt;
    ids.resize(static_cast<size_t>(request.n_tokens()), std::numeric_limits<int32_t>::max());
    KILTER_ASSIGN(SafetensorsWriter writer,
                  SafetensorsWriter::create(*output.path, specs, described(request, ids, output.metadata)));
    return std::make_unique<TraceFile>(std::move(writer));
  }

  explicit TraceFile(SafetensorsWriter writer) : writer_(std::move(writer)), sink_(writer_) {}
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  TraceSink& sink() { return sink_; }
  const SafetensorsWriter& writer() const { return writer_; }

  Status finish(const std::vector<int32_t>& ids, const std::map<std::string, std::string>& metadata) {
    KILTER_TRY(writer_.write(kIdsName, 0, std::span<const int32_t>(ids)));
    KILTER_TRY(writer_.set_metadata(metadata));
    return writer_.commit();
  }

 private:
  SafetensorsWriter writer_;
  TraceSink sink_;
};

/// Gives each value to those who want it, and shows how far the file is.
class Outputs final : public ValueSink {
 public:
  Outputs(const TraceRequest& request, TraceFile* file, ValueSink* print)
      : request_(request), file_(file), print_(print) {
    if (file != nullptr) bar_.emplace("tracing", file->writer().file_bytes(), ProgressUnit::bytes);
    if (file == nullptr && print == nullptr) {
      bar_.emplace("checking", static_cast<uint64_t>(request.n_tokens()), ProgressUnit::steps);
    }
  }

  // Without a file or a reader, values are looked at all the same: for the self-check.
  bool wants(At at) override { return is_seen(request_, at); }
  void take(At at, const Shape& shape, std::span<const float> values) override {
    if (print_ != nullptr && print_->wants(at)) print_->take(at, shape, values);
    if (file_ == nullptr || !file_->sink().wants(at)) return;
    file_->sink().take(at, shape, values);
    bar_->update(file_->writer().bytes_written());
  }

  /// To be called after each pass, with the tokens of the run so far: whether there is reason to stop.
  Status after_pass(int64_t tokens) {
    if (file_ == nullptr && bar_) bar_->update(static_cast<uint64_t>(tokens));
    if (interrupted()) {
      return Error{ErrorCode::interrupted, "",
                   fmt::format("stopped after {} of {} tokens", tokens, request_.n_tokens()), ""};
    }
    return file_ == nullptr ? Status() : file_->sink().status();
  }

 private:
  const TraceRequest& request_;
  TraceFile* file_;
  ValueSink* print_;
  std::optional<Progress> bar_;
};

Status same_bits(std::span<const float> untraced, std::span<const float> traced, int64_t first_row,
                 int64_t n_vocab) {
  for (size_t i = 0; i < untraced.size(); ++i) {
    if (std::bit_cast<uint32_t>(untraced[i]) == std::bit_cast<uint32_t>(traced[i])) continue;
    const int64_t row = first_row + static_cast<int64_t>(i) / n_vocab;
    return Error{ErrorCode::mismatch, "--self-check",
                 fmt::format("tracing changed logit {} of row {} from {:.9g} to {:.9g}",
                             i % static_cast<size_t>(n_vocab), row, untraced[i], traced[i]),
                 "this is a defect of the backend, please report it; no trace was written"};
  }
  return {};
}

/// The sequence under tracing, and beside it, for the self-check, the same one without.
class Runner {
 public:
  static Result<Runner> create(const TraceRequest& request, Outputs& outputs, Ops& traced, Ops& untraced) {
    KILTER_ASSIGN(Sequence sequence, Sequence::create(request.model, traced, request.session));
    Runner runner(request, outputs, std::move(sequence));
    if (request.self_check == SelfCheck::yes) {
      KILTER_ASSIGN(runner.untraced_, Sequence::create(request.model, untraced, request.session));
    }
    return runner;
  }

  /// The prompt and the steps. The two sequences take turns, a chunk each, so that the logits of only one
  /// chunk are kept.
  Status run() {
    const std::span<const int32_t> prompt(request_.prompt);
    for (size_t begin = 0; begin < prompt.size();) {
      const size_t n = std::min(prompt.size() - begin, static_cast<size_t>(request_.session.chunk));
      KILTER_TRY(pass(prompt.subspan(begin, n)));
      begin += n;
    }
    for (int64_t step = 0; step < request_.steps; ++step) {
      const std::vector<int32_t> next = {sample(sequence_.logits(), {}, position(), {.temperature = 0})};
      KILTER_TRY(pass(next));
    }
    return {};
  }

  const std::vector<int32_t>& ids() const { return sequence_.tokens(); }

 private:
  Runner(const TraceRequest& request, Outputs& outputs, Sequence sequence)
      : request_(request), outputs_(outputs), sequence_(std::move(sequence)) {}

  int64_t position() const { return static_cast<int64_t>(sequence_.tokens().size()); }

  Status pass(std::span<const int32_t> ids) {
    const int64_t first = position();
    FeedOptions feed{.rows = LogitRows::all, .progress = {}, .take_logits = {}};
    if (untraced_) {
      feed.take_logits = [&](std::span<const float> rows) { expected_.assign(rows.begin(), rows.end()); };
      KILTER_TRY(untraced_->feed(ids, feed));
    }
    Status same;
    feed.take_logits = [&](std::span<const float> rows) {
      if (untraced_) same = same_bits(expected_, rows, first, request_.model.n_vocab());
    };
    KILTER_TRY(sequence_.feed(ids, feed));
    KILTER_TRY(std::move(same));
    return outputs_.after_pass(position());
  }

  const TraceRequest& request_;
  Outputs& outputs_;
  Sequence sequence_;
  std::optional<Sequence> untraced_;
  std::vector<float> expected_;  // logits of the last pass without tracing
};

}  // namespace

Result<TraceSummary> run_trace(const TraceRequest& request, Ops& ops, const TraceOutput& output) {
  std::unique_ptr<TraceFile> file;
  if (output.path) {
    KILTER_ASSIGN(file, TraceFile::create(request, output));
  }
  TraceSummary run{.ids = {}, .passes = passes_of(request)};
  {
    Outputs outputs(request, file.get(), output.print);
    std::optional<RowSelector> some_rows;
    if (request.positions) some_rows.emplace(outputs, *request.positions);
    ValueSink& sink = some_rows ? static_cast<ValueSink&>(*some_rows) : outputs;
    RecordingOps expanded(ops, sink);
    StageRecordingOps as_run(ops, sink);
    Ops& traced = request.stages == TraceStages::expanded ? static_cast<Ops&>(expanded) : as_run;
    KILTER_ASSIGN(Runner runner, Runner::create(request, outputs, traced, ops));
    KILTER_TRY(runner.run());
    run.ids = runner.ids();
  }
  if (!file) return run;
  KILTER_TRY(file->finish(run.ids, described(request, run.ids, output.metadata)));
  run.values = file->writer().size();
  run.bytes = file->writer().file_bytes();
  return run;
}

}  // namespace kilter::cli
