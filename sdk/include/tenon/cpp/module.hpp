// From a class to a tenon_module: constant tables, absent phases NULL, nothing registered at run time.
#ifndef TENON_CPP_MODULE_HPP
#define TENON_CPP_MODULE_HPP

#include <new>

#include "tenon/cpp/calls.hpp"

namespace tenon {
inline namespace v1 {

#pragma GCC visibility push(hidden)
namespace detail {

// One struct per phase. `run` exists if T has a member of that name callable with these arguments; `named` is true if T has any member of
// that name, so that a private one or one with a wrong signature is an error and not an absent phase.
#define TENON_CPP_PHASE(Phase, member)                                                 \
  struct Phase {                                                                       \
    template <class T, class... A>                                                     \
    static auto run(T& object, A... a) -> decltype(object.member(a...)) {              \
      return object.member(a...);                                                      \
    }                                                                                  \
    struct Same {                                                                      \
      int member;                                                                      \
    };                                                                                 \
    template <class T>                                                                 \
    struct Both : T, Same {};                                                          \
    template <class T, class = void>                                                   \
    struct ambiguous : std::true_type {};                                              \
    template <class T>                                                                 \
    struct ambiguous<T, std::void_t<decltype(&Both<T>::member)>> : std::false_type {}; \
    template <class T>                                                                 \
    static constexpr bool named() {                                                    \
      if constexpr (std::is_final_v<T>) {                                              \
        return false; /* cannot be derived from: only well-formed phases are seen */   \
      } else {                                                                         \
        return ambiguous<T>::value;                                                    \
      }                                                                                \
    }                                                                                  \
  }
TENON_CPP_PHASE(Create, create);
TENON_CPP_PHASE(PreInit, pre_init);
TENON_CPP_PHASE(Init, init);
TENON_CPP_PHASE(PostInit, post_init);
TENON_CPP_PHASE(Start, start);
TENON_CPP_PHASE(Stop, stop);
#undef TENON_CPP_PHASE

template <class Phase, class T, class Arguments, class = void>
struct runs : std::false_type {
  using result = void;
};
template <class Phase, class T, class... A>
struct runs<Phase, T, void(A...), std::void_t<decltype(Phase::run(std::declval<T&>(), std::declval<A>()...))>> : std::true_type {
  using result = decltype(Phase::run(std::declval<T&>(), std::declval<A>()...));
};

template <class Phase, class T>
inline constexpr bool takes_call = runs<Phase, T, void(Call)>::value;
template <class Phase, class T>
inline constexpr bool has_phase = takes_call<Phase, T> || runs<Phase, T, void()>::value;

template <class T, class = void>
struct needs_of {
  using type = needs<>;
};
template <class T>
struct needs_of<T, std::void_t<typename T::needs>> {
  using type = typename T::needs;
};

template <class T, class = void>
struct flags_of : std::integral_constant<std::uint32_t, 0> {};
template <class T>
struct flags_of<T, std::void_t<decltype(T::flags)>> : std::integral_constant<std::uint32_t, T::flags> {};

template <class T, class = void>
struct has_query : std::false_type {};
template <class T>
struct has_query<T, std::void_t<decltype(T::query(std::string_view()))>> : std::true_type {};

template <class T, class = void>
struct from_braces : std::false_type {};
template <class T>
struct from_braces<T, std::void_t<decltype(T{std::declval<Ctx>()})>> : std::true_type {};

template <class T>
inline constexpr bool has_calls = needs_of<T>::type::template require_interface<Calls>;

template <class Phase, class T>
constexpr void check_phase() {
  static_assert(has_phase<Phase, T> || !Phase::template named<T>(), "a phase must be public and callable as phase() or phase(tenon::Call)");
  if constexpr (has_phase<Phase, T>) {
    using R = typename std::conditional_t<takes_call<Phase, T>, runs<Phase, T, void(Call)>, runs<Phase, T, void()>>::result;
    static_assert(std::is_void_v<R> || std::is_same_v<R, Status>, "a phase returns tenon::Status or void");
    static_assert(!takes_call<Phase, T> || has_calls<T>, "a phase that takes a tenon::Call needs tenon::Calls in `needs`");
  }
}

// An aggregate is initialised with its first member, the Ctx; the others are as its author left them.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
/// What `self` points at: the author's object, and the table that makes Calls of tenon_call*.
template <class T>
struct Seat {
  tenon_ctx* ctx;
  const tenon_calls* calls;
  T object;
  static T make(Ctx ctx, const tenon_calls* calls, tenon_call* call) {
    (void)ctx, (void)calls, (void)call;
    if constexpr (std::is_constructible_v<T, Ctx, Call>) {
      static_assert(has_calls<T>, "a constructor that takes a tenon::Call needs tenon::Calls in `needs`");
      return T(ctx, Call(ctx.raw(), calls, call));
    } else if constexpr (std::is_constructible_v<T, Ctx>) {
      return T(ctx);
    } else if constexpr (from_braces<T>::value) {
      return T{ctx};
    } else {
      static_assert(std::is_default_constructible_v<T>, "a module is constructed from (tenon::Ctx, tenon::Call), (tenon::Ctx) or ()");
      return T();
    }
  }
  Seat(Ctx c, const tenon_calls* table, tenon_call* call) : ctx(c.raw()), calls(table), object(make(c, table, call)) {}
};
#pragma GCC diagnostic pop

template <class Phase, class T>
auto enter(Seat<T>& seat, tenon_call* call) {
  if constexpr (takes_call<Phase, T>) {
    return Phase::run(seat.object, Call(seat.ctx, seat.calls, call));
  } else {
    (void)call;
    return Phase::run(seat.object);
  }
}

template <class T>
tenon_status create(tenon_ctx* raw, tenon_call* call, void** self, tenon_error* err) noexcept {
  return guard(err, [&]() -> Status {
    const Ctx ctx(raw);
    const tenon_calls* calls = nullptr;
    if constexpr (has_calls<T>) calls = ctx.require<tenon_calls>(Calls::id);
    auto seat = std::make_unique<Seat<T>>(ctx, calls, call);
    if constexpr (has_phase<Create, T>) {
      if constexpr (std::is_void_v<decltype(enter<Create>(*seat, call))>) {
        enter<Create>(*seat, call);
      } else {
        Status status = enter<Create>(*seat, call);
        if (!status.ok()) return status;
      }
    }
    *self = seat.release();
    return Status();
  });
}

template <class Phase, class T>
tenon_status phase(void* self, tenon_call* call, tenon_error* err) noexcept {
  return guard(err, [&] { return enter<Phase>(*static_cast<Seat<T>*>(self), call); });
}

template <class T>
void destroy(void* self) noexcept {
  delete static_cast<Seat<T>*>(self);
}

using PhaseFunction = tenon_status (*)(void*, tenon_call*, tenon_error*) noexcept;

template <class Phase, class T>
constexpr PhaseFunction phase_or_null() {
  check_phase<Phase, T>();
  if constexpr (has_phase<Phase, T>) {
    return &phase<Phase, T>;
  } else {
    return nullptr;
  }
}

template <class T>
constexpr tenon_lifecycle make_lifecycle() {
  check_phase<Create, T>();
  return {sizeof(tenon_lifecycle),
          0U,
          &create<T>,
          phase_or_null<PreInit, T>(),
          phase_or_null<Init, T>(),
          phase_or_null<PostInit, T>(),
          phase_or_null<Start, T>(),
          phase_or_null<Stop, T>(),
          &destroy<T>};
}

template <class T>
[[gnu::visibility("hidden")]] inline constexpr tenon_lifecycle lifecycle = make_lifecycle<T>();

template <class T>
const void* query(tenon_str id) noexcept {
  static_assert(noexcept(T::query(std::string_view())), "query runs no module state and must be noexcept");
  return T::query(view(id));
}

}  // namespace detail
#pragma GCC visibility pop

/// The descriptor of a module written as class T:
///  - constructed from (Ctx, Call), (Ctx) or (); destroyed at the end;
///  - phases are public members create, pre_init, init, post_init, start, stop, each () or (Call), returning Status or void;
///  - `using needs = tenon::needs<...>`: the interfaces it uses;
///  - `static constexpr std::uint32_t flags` (e.g. TENON_SERIAL), optional;
///  - `static const void* query(std::string_view id) noexcept` gives capability tables, optional. They get `self`: module_cast.
template <class T>
constexpr tenon_module module_of(std::string_view name, std::string_view version) noexcept {
  using Needs = typename detail::needs_of<T>::type;
  tenon_module m = {sizeof(tenon_module), detail::flags_of<T>::value, to_c(name), to_c(version), Needs::count != 0 ? Needs::list : nullptr,
                    Needs::count,         &detail::lifecycle<T>,      nullptr};
  if constexpr (detail::has_query<T>::value) m.query = &detail::query<T>;
  return m;
}

/// The author's object behind the `self` that C functions receive.
template <class T>
T& module_cast(void* self) noexcept {
  return static_cast<detail::Seat<T>*>(self)->object;
}

}  // namespace v1
}  // namespace tenon

/// Defines the entry symbol of a file with one module, in the global namespace. Name and version as in the manifest:
/// tenon_add_module() passes both, so that they are written once.
#define TENON_MODULE(Class) TENON_MODULE_AS(Class, TENON_MODULE_NAME, TENON_MODULE_VERSION)
#define TENON_MODULE_AS(Class, name, version)                                                          \
  static constexpr tenon_module tenon_module_of_file = ::tenon::module_of<Class>("" name, "" version); \
  TENON_ENTRY(tenon_module_of_file)

#endif
