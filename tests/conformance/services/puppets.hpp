// The two puppets of services, `orders` and `web`: what they ask the test, and both of them in a real host.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "puppet.h"
#include "waiting.hpp"
#include "world.hpp"

namespace tenon::test {

enum class Who : std::uint8_t { orders, web };
inline const char* name_of(Who who) { return who == Who::orders ? "orders" : "web"; }

/// `data` of an offer; lives until the end of the test.
struct PuppetService {
  std::function<tenon_status(tenon_call*, const tenon_request*, tenon_reply*, tenon_error*)> handle;
  std::function<void()> released;
};
/// `data` of an asynchronous call, and of on_cancel (which has neither reply nor error); likewise.
struct PuppetEnding {
  std::function<void(tenon_status, tenon_reply*, const tenon_error*)> told;
};

/// One at a time: the puppets find it through the environment.
class PuppetStrings {
 public:
  PuppetStrings();
  ~PuppetStrings();
  PuppetStrings(const PuppetStrings&) = delete;
  PuppetStrings& operator=(const PuppetStrings&) = delete;
  [[nodiscard]] const puppet* find(Who who) const { return created[static_cast<std::size_t>(who)]; }

  std::array<const puppet*, 2> created{};
  std::function<tenon_status(Who)> init, stop;  ///< inside of these phases; empty = OK
};

/// What modules may do here beyond their own: `orders` calls `web.>`, and offers `shop.list`; `web` calls `orders.>` and `shop.>`, and offers `shop.list`.
/// `orders` also asks to call `billing.>` and to offer `shop.other`, and is not granted that.
host::Permissions permissions_of(Who who);

struct PuppetSetup {
  bool orders_serial = false, web_serial = false;
  bool strict = false;
  host::KernelOptions kernel = {};
};

/// Both, loaded from real files.
class LoadedPuppets {
 public:
  explicit LoadedPuppets(PuppetSetup setup = {});
  ~LoadedPuppets();  ///< those that are still there leave
  LoadedPuppets(const LoadedPuppets&) = delete;
  LoadedPuppets& operator=(const LoadedPuppets&) = delete;

  /// load, create, init: false if init failed.
  bool begin(Who who);
  void start(Who who);
  void boot();  ///< both, begin and start
  /// stop and destroy; true if both went well.
  bool leave(Who who);
  const puppet& operator[](Who who) const { return *strings.find(who); }
  World& world() { return world_; }
  PuppetStrings strings;

 private:
  const std::array<bool, 2> serial_;
  World world_;
  std::array<std::unique_ptr<Puppet>, 2> puppets_;
};

inline tenon_str c_text(std::string_view s) { return {s.data(), s.size()}; }
inline std::string text_of(const tenon_blob& b) { return {reinterpret_cast<const char*>(b.ptr), b.len}; }
inline std::string text_of(tenon_str s) { return {s.ptr, s.len}; }

}  // namespace tenon::test
