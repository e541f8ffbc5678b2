#include <stdexcept>
#include <tenon/tenon.hpp>

class Animal {
 public:
  using needs = tenon::needs<tenon::Log, tenon::Config>;
  explicit Animal(tenon::Ctx ctx) : log_(ctx), config_(ctx) {}
  void init() { log_.info("hello", "animal", TENON_MODULE_NAME); }
  void start() {
    if (config_.optional<bool>("fail", false).value()) throw std::runtime_error("told to fail");
  }

 private:
  tenon::Log log_;
  tenon::Config config_;
};
TENON_MODULE(Animal);
