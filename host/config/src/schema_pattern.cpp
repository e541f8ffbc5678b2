#include "schema_pattern.hpp"

#include <re2/re2.h>

#include "base/text.hpp"

namespace tenon::host::json_schema {
namespace {

// What RE2 may use for a pattern's program and, while searching, its automaton. Classes of letters repeated need the larger one.
constexpr std::int64_t small_memory = std::int64_t{512} << 10, large_memory = std::int64_t{8} << 20;

Error invalid(std::string message) {
  Error e;
  e.code = Code::invalid_argument;
  e.message = std::move(message);
  e.exit = ExitCode::config;
  return e;
}

}  // namespace

Pattern::Pattern(std::string text, std::unique_ptr<const re2::RE2> re, bool large)
    : text_(std::move(text)), re_(std::move(re)), large_(large) {
  cost_ = static_cast<std::size_t>(re_->ProgramSize() > 0 ? re_->ProgramSize() : 1);
}
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

Result<Pattern> Pattern::compile(std::string_view ecma) {
  if (ecma.size() > max_pattern_bytes) return invalid("it is longer than " + std::to_string(max_pattern_bytes) + " bytes");
  auto translated = ecma_to_re2(ecma);
  if (!translated) return translated.error();
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(small_memory);
  auto re = std::make_unique<re2::RE2>(*translated, options);
  const bool large = re->error_code() == re2::RE2::ErrorPatternTooLarge;
  if (large) {
    options.set_max_mem(large_memory);
    re = std::make_unique<re2::RE2>(*translated, options);
  }
  if (!re->ok()) return invalid("RE2 says " + printable(re->error(), 120));
  return Pattern(std::string(ecma), std::move(re), large);
}

bool Pattern::search(std::string_view text) const {
  return re_->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(), re2::RE2::UNANCHORED, nullptr, 0);
}

}  // namespace tenon::host::json_schema
