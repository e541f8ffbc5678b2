// Ctx, and needs<...>: which interfaces of the host a module uses.
#ifndef TENON_CPP_CONTEXT_HPP
#define TENON_CPP_CONTEXT_HPP

#include <string>

#include "tenon/cpp/status.hpp"

// Constants with an address are hidden one by one. In a module that is compiled without -fvisibility=hidden they would be unique in the process, so that
// the constants of another module stood for them.
namespace tenon {
inline namespace v1 {

/// The seat of this instance in the host. A pointer: copy it freely, use it until destroy has returned.
class Ctx {
 public:
  constexpr explicit Ctx(tenon_ctx* raw) noexcept : raw_(raw) {}
  [[nodiscard]] constexpr tenon_ctx* raw() const noexcept { return raw_; }
  [[nodiscard]] std::string_view host_name() const noexcept { return view(raw_->host->name); }
  [[nodiscard]] std::string_view host_version() const noexcept { return view(raw_->host->version); }
  [[nodiscard]] std::string_view host_instance_id() const noexcept { return view(raw_->host->instance_id); }

  /// Table of an interface, or nullptr.
  template <class Table>
  [[nodiscard]] const Table* query(std::string_view id) const noexcept {
    return static_cast<const Table*>(raw_->host->query(raw_, to_c(id)));
  }
  /// Table of an interface this module cannot do without; throws Failure naming it.
  template <class Table>
  [[nodiscard]] const Table* require(std::string_view id) const {
    const Table* table = query<Table>(id);
    if (table == nullptr) {
      std::string text = "the host gives no `";
      text.append(id).append("`: is it in the module's needs?");
      fail(Status(TENON_FAILED_PRECONDITION, "MISSING_INTERFACE", text));
    }
    return table;
  }

 private:
  tenon_ctx* raw_;
};

/// Marks an interface in needs<...> that the host may lack.
template <class Interface>
struct if_offered {
  [[gnu::visibility("hidden")]] static constexpr std::string_view id = Interface::id;
  static constexpr std::uint32_t min_size = Interface::min_size;
  static constexpr bool is_optional = true;
  using interface_type = Interface;
};

#pragma GCC visibility push(hidden)
namespace detail {

template <class I, class = void>
struct need_traits {
  static constexpr bool is_optional = false;
  using interface_type = I;
};
template <class I>
struct need_traits<I, std::void_t<typename I::interface_type>> {
  static constexpr bool is_optional = true;
  using interface_type = typename I::interface_type;
};

template <class I>
[[gnu::visibility("hidden")]] inline constexpr tenon_need need_of = {
    sizeof(tenon_need), I::min_size, need_traits<I>::is_optional ? 1U : 0U, 0U, {I::id.data(), I::id.size()}};

}  // namespace detail
#pragma GCC visibility pop

/// `using needs = tenon::needs<tenon::Log, tenon::Config, tenon::if_offered<tenon::Check>>;`: must equal the manifest's `needs`.
template <class... Interfaces>
struct needs {
  static constexpr std::size_t count = sizeof...(Interfaces);
  [[gnu::visibility("hidden")]] static constexpr const tenon_need* list[count + 1] = {&detail::need_of<Interfaces>..., nullptr};
  /// Is I among them, and not as if_offered?
  template <class I>
  static constexpr bool require_interface = (std::is_same_v<I, Interfaces> || ...);
};

}  // namespace v1
}  // namespace tenon

#endif
