// Lease: holds the catalog's instance. It is not destroyed before the lease has ended.
#include "catalog.h"

#include <tenon/tenon.hpp>

namespace {

class Basket {
 public:
  using needs = tenon::needs<tenon::Log, tenon::Leases>;
  explicit Basket(tenon::Ctx ctx) : log_(ctx), leases_(ctx) {}

  tenon::Status start() {  // not earlier: other modules are not called before
    catalog_ = leases_.acquire(catalog_token).value();
    log_.info("basket", "total", catalog_.call(&catalog_client::price, 5) + catalog_.call(&catalog_client::price, 7));
    return {};
  }
  void stop() { catalog_.release(); }

 private:
  tenon::Log log_;
  tenon::Leases leases_;
  tenon::Lease<catalog_client> catalog_;
};

}  // namespace

TENON_MODULE(Basket);
