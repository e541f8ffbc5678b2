// How a function of a table becomes its proxy: checked, then passed on.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "abi/instance.hpp"
#include "abi/strict.hpp"
#include "tables.hpp"

namespace tenon::host {

/// The thread tag of a function, as its header says.
enum class From : std::uint8_t {
  any,
  blocking,  ///< [control][worker], and threads of the module's own: not inside a callback that must not block
  control,
};

/// A literal as a template argument.
template <std::size_t n>
struct Name {
  char text[n]{};
  constexpr Name(const char (&literal)[n]) { std::copy_n(literal, n, text); }  // NOLINT(google-explicit-constructor): used as a literal
  [[nodiscard]] constexpr std::string_view view() const { return {text, n - 1}; }
};

/// Reports, and false, if the calling thread may not call `function` now. One mistake is one finding: what comes of it is not looked at further.
bool check_caller(Instance& instance, From from, std::string_view function);
/// False, and reported, for a call whose function has returned: it must not be looked into.
bool check_call(const tenon_call* call, std::string_view function) noexcept;
/// Reports an id that is none any more.
void check_id(Instance& instance, tenon_status status, tenon_id id, std::string_view function);
/// Reports a refusal that says a rule was broken: a function called in a phase that it is not for, or one that would wait for the very callback it is called
/// in. `error` is what the function has filled; nullptr: it is one that waits and has none, and refuses with FAILED_PRECONDITION for that second reason only.
void check_refusal(Instance& instance, tenon_status status, const tenon_error* error, std::string_view function);
/// The same for the outcome of a service call, which may be the answer of somebody who was refused himself: each chain is reported once.
void check_call_refusal(Instance& instance, tenon_status status, const tenon_error& error, std::string_view function);
/// The same for the answer of a deferred call, which is also told from one that came before.
void check_completed(Instance& instance, tenon_status status, tenon_id id, std::string_view function);
/// The same for what an instance gives back itself, and that may also end without it: reported is an id that it has given back already, or that was
/// none ever (`may_be_over` false).
void check_given_back(Instance& instance, Strict::Ended what, tenon_status status, tenon_id id, bool may_be_over,
                      std::string_view function);
/// Who uses what is nobody's: the module this thread is inside of.
std::string module_of_this_thread();
inline Strict& strict_of(Instance& instance) { return *instance.host().strict(); }

/// The real table behind proxies: one specialisation for each.
template <class Table>
const Table& real();

/// Finds out what error a function fills, and gives it one if the module does not care.
class Listening {
 public:
  template <class T>
  void to(T&) {}
  void to(tenon_error*& error) {
    if (error == nullptr) {
      own_.struct_size = sizeof own_;
      error = &own_;
    }
    heard_ = error;
  }
  [[nodiscard]] const tenon_error* error() const { return heard_; }

 private:
  tenon_error own_{};
  const tenon_error* heard_ = nullptr;
};

template <auto member, From from, Name name>
struct Guarded;
template <class Table, class R, class... A, R (*Table::*member)(tenon_ctx*, A...) noexcept, From from, Name name>
struct Guarded<member, from, name> {
  static R call(tenon_ctx* ctx, A... arguments) noexcept {
    Instance* const instance = Instance::from(ctx);
    if (instance == nullptr) return (real<Table>().*member)(ctx, arguments...);
    const bool may = check_caller(*instance, from, name.view());
    Listening listening;
    (listening.to(arguments), ...);
    const R result = (real<Table>().*member)(ctx, arguments...);
    if (may && (listening.error() != nullptr || from == From::blocking)) check_refusal(*instance, result, listening.error(), name.view());
    return result;
  }
};

/// Whether the NOT_FOUND of a function means that `id` was none. `error`: what the function has filled, nullptr if it fills none.
using IsStale = bool (*)(Instance& instance, tenon_id id, const tenon_error* error) noexcept;
inline bool always_stale(Instance&, tenon_id, const tenon_error*) noexcept { return true; }

/// Of a function (ctx, id, ...) that answers NOT_FOUND for a stale id.
template <auto member, From from, Name name, IsStale is_stale>
struct GuardedId;
template <class Table, class... A, tenon_status (*Table::*member)(tenon_ctx*, tenon_id, A...) noexcept, From from, Name name,
          IsStale is_stale>
struct GuardedId<member, from, name, is_stale> {
  static tenon_status call(tenon_ctx* ctx, tenon_id id, A... arguments) noexcept {
    Instance* instance = Instance::from(ctx);
    const bool may = instance != nullptr && check_caller(*instance, from, name.view());
    Listening listening;
    (listening.to(arguments), ...);
    const tenon_status status = (real<Table>().*member)(ctx, id, arguments...);
    if (instance == nullptr) return status;
    if (status == TENON_NOT_FOUND && is_stale(*instance, id, listening.error())) check_id(*instance, status, id, name.view());
    if (may && (listening.error() != nullptr || from == From::blocking)) check_refusal(*instance, status, listening.error(), name.view());
    return status;
  }
};

/// Of a function for any thread whose outcome says nothing of rules: it is only for those who are still there.
template <auto member, Name name>
struct Present;
template <class Table, class R, class... A, R (*Table::*member)(tenon_ctx*, A...) noexcept, Name name>
struct Present<member, name> {
  static R call(tenon_ctx* ctx, A... arguments) noexcept {
    if (Instance* const instance = Instance::from(ctx)) check_caller(*instance, From::any, name.view());
    return (real<Table>().*member)(ctx, arguments...);
  }
};

template <auto member, Name name>
inline constexpr auto present = &Present<member, name>::call;
template <auto member, From from, Name name>
inline constexpr auto guarded = &Guarded<member, from, name>::call;
template <auto member, From from, Name name, IsStale is_stale = &always_stale>
inline constexpr auto guarded_id = &GuardedId<member, from, name, is_stale>::call;

}  // namespace tenon::host
