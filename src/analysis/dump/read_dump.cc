#include "analysis/dump/read_dump.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "analysis/dump/assemble.h"
#include "analysis/dump/evidence.h"
#include "analysis/dump/formats/formats.h"
#include "base/utf8.h"

namespace kilter::analysis {
namespace {

// "step2" before "step10".
bool natural_less(const std::string& a, const std::string& b) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
      continue;
    }
    const auto number = [&](const std::string& s, size_t& at) {
      while (at < s.size() && s[at] == '0') ++at;
      const size_t begin = at;
      while (at < s.size() && is_digit(s[at])) ++at;
      return s.substr(begin, at - begin);
    };
    const std::string x = number(a, i);
    const std::string y = number(b, j);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
  }
  return a.size() - i < b.size() - j;
}

// A folder stands for the files in it. Raw numbers that a JSON file beside them describes are read by it.
std::vector<std::string> files_of(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return {path};
  std::vector<std::string> files;
  bool described = false;
  for (std::filesystem::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    if (!at->is_regular_file(error)) continue;
    files.push_back(at->path().string());
    described = described || at->path().extension() == ".json";
  }
  std::sort(files.begin(), files.end(), natural_less);
  const auto raw = [&](const std::string& file) {
    const auto ending = std::filesystem::path(file).extension();
    return described && ending != ".json" && ending != ".npy" && ending != ".npz" && ending != ".safetensors";
  };
  // llama-debug writes its logits twice, as numbers and as text.
  const std::set<std::string> all(files.begin(), files.end());
  const auto twice = [&](const std::string& file) {
    std::filesystem::path binary(file);
    if (binary.extension() != ".txt") return false;
    return all.count(binary.replace_extension(".bin").string()) > 0;
  };
  files.erase(
      std::remove_if(files.begin(), files.end(), [&](const std::string& f) { return raw(f) || twice(f); }),
      files.end());
  return files;
}

// Reports go to terminals and into JSON, and a file's words may hold anything.
void make_printable(std::string& text) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (!find_invalid_utf8(text) && std::none_of(text.begin(), text.end(), is_control)) return;
  const std::string escaped = quoted(text, text.size() * 4 + 8);
  text = escaped.substr(1, escaped.size() - 2);
}

void make_printable(RawPass& file) {
  make_printable(file.producer);
  for (RawValue& value : file.values) {
    make_printable(value.name);
    make_printable(value.op);
  }
  for (Note& note : file.unmatched) {
    make_printable(note.subject);
    make_printable(note.sentence);
  }
  std::map<std::string, std::string> metadata;
  for (const auto& [key, text] : file.metadata) {
    std::pair<std::string, std::string> entry(key, text);
    make_printable(entry.first);
    make_printable(entry.second);
    metadata.insert(std::move(entry));
  }
  file.metadata = std::move(metadata);
}

Result<std::vector<RawPass>> read_files(std::span<const std::string> paths, const DumpContext& context) {
  std::vector<RawPass> files;
  for (const std::string& path : paths) {
    const std::vector<std::string> inside = files_of(path);
    if (inside.empty()) return Error{ErrorCode::not_found, path, "is a folder without files", ""};
    for (const std::string& file : inside) {
      KILTER_ASSIGN(std::vector<RawPass> read, read_file(file, context));
      for (RawPass& pass : read) make_printable(pass);
      std::move(read.begin(), read.end(), std::back_inserter(files));
    }
  }
  return files;
}

}  // namespace

Result<Dump> read_dump(std::span<const std::string> paths, const DumpContext& context) {
  if (paths.empty()) return Error{ErrorCode::usage, "", "no dump was given", "name a file"};
  UserNames names;
  if (!context.name_map.empty()) {
    KILTER_ASSIGN(names, UserNames::read(context.name_map));
  }
  const UserNames* user = context.name_map.empty() ? nullptr : &names;
  KILTER_ASSIGN(std::vector<RawPass> files, read_files(paths, context));
  std::vector<Pass> passes = group_passes(std::move(files), context, user);
  Dump dump;
  dump.path = paths[0];
  dump.producer = passes.empty() ? std::string() : passes[0].file.producer;
  for (Pass& pass : passes) take_weights(pass, context, user, dump);
  KILTER_TRY(assign_tokens(passes, context, dump));
  if (context.graph != nullptr) weigh_evidence(passes, *context.graph, dump);
  std::vector<Part> parts;
  for (Pass& pass : passes) {
    dump.metadata.merge(pass.file.metadata);
    std::move(pass.file.remarks.begin(), pass.file.remarks.end(), std::back_inserter(dump.remarks));
    std::move(pass.file.unmatched.begin(), pass.file.unmatched.end(), std::back_inserter(dump.unmatched));
    match_by_place(pass, context, dump);
    std::vector<Part> made = make_parts(pass, context, dump);
    std::move(made.begin(), made.end(), std::back_inserter(parts));
  }
  add_values(parts, context, dump);
  return dump;
}

}  // namespace kilter::analysis
