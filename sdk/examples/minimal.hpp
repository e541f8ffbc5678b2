#pragma once
#include <tenon/tenon.hpp>

class Minimal {
 public:
  using needs = tenon::needs<tenon::Log, tenon::Config>;
  explicit Minimal(tenon::Ctx ctx) : log_(ctx), config_(ctx) {}

  tenon::Status init() {
    log_.info("hello from C++", "name", config_.require<std::string_view>("name").value());
    return {};
  }

 private:
  tenon::Log log_;
  tenon::Config config_;
};
