// Container: offers an instance by token. Calls through a lease of it are pointer calls.
#include "catalog.h"

#include <tenon/tenon.hpp>

namespace {

class Catalog {
 public:
  using needs = tenon::needs<tenon::Container>;
  explicit Catalog(tenon::Ctx ctx) : container_(ctx) {}

  tenon::Status init() {
    return container_.provide(catalog_token, &table, this).status();
  }  // kept until our destructor: nobody holds it then

 private:
  // Called on any thread, on several at once, also after stop.
  static std::int64_t price(void* /*self*/, std::int64_t article) noexcept { return article > 0 && article < 100 ? article * 3 : -1; }
  static constexpr catalog_client table = {sizeof(catalog_client), 0, &price};

  tenon::Container container_;
};

}  // namespace

TENON_MODULE(Catalog);
