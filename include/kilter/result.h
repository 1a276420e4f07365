// Errors as values. Every call of the library that can fail returns Result<T>; nothing in the library throws
// on purpose, prints, or ends the process.
#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace kilter {

/// What kind of failure this is: the program's exit code follows from it (docs/commands.md), and a caller may
/// switch on it. The sentence is for the person.
enum class ErrorCode {
  usage,        ///< the request itself is wrong: an option, a range, a name that does not exist
  not_found,    ///< a file, tensor or key that was asked for is not there
  io,           ///< the operating system refused: read, write, map, rename, network
  corrupt,      ///< a file breaks its own format
  unsupported,  ///< a valid file or request that this build cannot serve
  mismatch,     ///< two things that must agree do not (a self-check, a checksum)
  memory,       ///< an allocation was refused
  interrupted,  ///< the person pressed Ctrl-C
};

/// One failure, in four parts that print as "subject: sentence; cure".
struct Error {
  ErrorCode code;
  std::string subject;   ///< what: a file, a tensor, a metadata key, an option. May be empty.
  std::string sentence;  ///< what was expected, and what came instead.
  std::string cure;  ///< what the person can do about it. May be empty where nothing can be said honestly.

  /// The whole message on one line. It may quote a file's words, which must not move the cursor: control
  /// characters (U+0000 to U+001F, U+007F to U+009F) become spaces.
  std::string message() const {
    std::string text = subject.empty() ? sentence : subject + ": " + sentence;
    if (!cure.empty()) text += "; " + cure;
    for (size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      const bool after_c2 = i > 0 && text[i - 1] == '\xc2';  // UTF-8 for U+0080 to U+00BF
      if (after_c2 && byte >= 0x80 && byte < 0xa0) text.replace(i - 1, 2, "  ");
      if (byte < 0x20 || byte == 0x7f) text[i] = ' ';
    }
    return text;
  }
};

/// A value of type T, or the Error that stood in its way.
/// Reading the value of a failed Result is a defect of the caller; it is asserted in debug builds.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return *std::get_if<0>(&state_); }
  const T& value() const& { return *std::get_if<0>(&state_); }
  T&& value() && { return std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& { return *std::get_if<1>(&state_); }
  Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<T, Error> state_;
};

/// Success, or the Error: for calls that have nothing to return.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const& { return *error_; }
  Error&& error() && { return std::move(*error_); }

 private:
  std::optional<Error> error_;
};

}  // namespace kilter

/// Hands an error on to the caller: `KILTER_TRY(status_call());`
#define KILTER_TRY(expression)                                                                           \
  do {                                                                                                   \
    if (auto kilter_status = (expression); !kilter_status.ok()) return std::move(kilter_status).error(); \
  } while (false)

#define KILTER_JOIN_TWO(a, b) a##b
#define KILTER_JOIN(a, b) KILTER_JOIN_TWO(a, b)

/// Binds the value of a Result, or hands its error on: `KILTER_ASSIGN(auto file, gguf::File::open(path));`
#define KILTER_ASSIGN(target, expression) \
  KILTER_ASSIGN_AS(target, expression, KILTER_JOIN(kilter_result_, __LINE__))
#define KILTER_ASSIGN_AS(target, expression, name) \
  auto name = (expression);                        \
  if (!name.ok()) return std::move(name).error();  \
  target = std::move(name).value()
