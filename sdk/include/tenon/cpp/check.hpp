// Check: assertions about the host's rules. Does nothing where the host does not offer it.
#ifndef TENON_CPP_CHECK_HPP
#define TENON_CPP_CHECK_HPP

#include "tenon/check.h"
#include "tenon/cpp/context.hpp"

namespace tenon {
inline namespace v1 {

class Check {
 public:
  [[gnu::visibility("hidden")]] static constexpr std::string_view id = TENON_CHECK;
  static constexpr std::uint32_t min_size = TENON_UP_TO(tenon_check, violation);

  explicit Check(Ctx ctx) noexcept : ctx_(ctx.raw()), table_(ctx.query<tenon_check>(id)) {}
  explicit operator bool() const noexcept { return table_ != nullptr; }

  /// TENON_THREAD_*; OTHER where not offered.
  [[nodiscard]] std::int32_t thread() const noexcept { return table_ != nullptr ? table_->thread(ctx_) : TENON_THREAD_OTHER; }
  /// TENON_PHASE_*; NONE where not offered.
  [[nodiscard]] std::int32_t phase() const noexcept { return table_ != nullptr ? table_->phase(ctx_) : TENON_PHASE_NONE; }
  /// Reports that the module broke one of its own rules.
  void violation(std::string_view rule, std::string_view message) const noexcept {
    if (table_ != nullptr) table_->violation(ctx_, to_c(rule), to_c(message));
  }
  /// violation() unless `condition`; gives it back.
  bool that(bool condition, std::string_view rule, std::string_view message) const noexcept {
    if (!condition) violation(rule, message);
    return condition;
  }

 private:
  tenon_ctx* ctx_;
  const tenon_check* table_;
};

}  // namespace v1
}  // namespace tenon

#endif
