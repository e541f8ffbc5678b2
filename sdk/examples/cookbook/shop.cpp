// A caller: `requires` of the manifest starts the provider first, `permissions.services.call` asks for the right to call it.
#include <string>
#include <tenon/tenon.hpp>

namespace {

class Shop {
 public:
  using needs = tenon::needs<tenon::Log, tenon::Calls, tenon::Services>;
  explicit Shop(tenon::Ctx ctx) : log_(ctx), services_(ctx) {}

  tenon::Status start() {
    // A handle stands for the name: it stays good when the provider is replaced. `value()` ends the phase with the error there was.
    price_ = services_.resolve("price_list.get").value();
    tenon::Answer<64> answer;  // answers of up to 64 bytes need no allocation
    tenon::Status asked = price_.call(tenon::Bytes("tea"), answer);
    if (!asked.ok()) return asked;
    log_.info("price", "article", "tea", "costs", answer.text());

    // An error of the provider arrives with its code, reason and message. What is expected is not worth a failed start.
    asked = price_.call(tenon::Bytes("sand"), answer);
    if (asked.code() == TENON_NOT_FOUND) log_.info("not for sale", "why", asked.message());

    // Without waiting: the lambda runs once, on a worker, whatever becomes of the call; not if call_async itself fails.
    return services_
        .call_async("price_list.get", tenon::Bytes("cake"),
                    [log = log_](const tenon::Status& status, tenon::Bytes payload) noexcept {
                      if (status.ok()) log.info("price", "article", "cake", "costs", payload.text());
                    })
        .status();
  }
  void stop() { price_.reset(); }

 private:
  tenon::Log log_;
  tenon::Services services_;
  tenon::ServiceHandle price_;
};

}  // namespace

TENON_MODULE(Shop);
