// A service: `price_list.get` answers what an article costs.
#include <map>
#include <string>
#include <tenon/tenon.hpp>

namespace {

class PriceList {
 public:
  using needs = tenon::needs<tenon::Calls, tenon::Services>;
  explicit PriceList(tenon::Ctx ctx) : services_(ctx) {}

  tenon::Status init() {
    return services_
        .offer("price_list.get", [this](const tenon::Request& request, tenon::Reply& reply) { return get(request.text(), reply); })
        .status();
  }

 private:
  // Runs on the threads of its callers, on several at once: it changes nothing.
  tenon::Status get(std::string_view article, tenon::Reply& reply) const {
    const auto price = prices_.find(article);
    if (price == prices_.end()) return tenon::Status::not_found("there is no article `" + std::string(article) + "`");
    reply.payload(std::to_string(price->second));
    reply.content_type("text/plain");  // a literal: it lives long enough
    return {};
  }

  tenon::Services services_;
  const std::map<std::string, int, std::less<>> prices_{{"tea", 4}, {"cake", 7}};
};

}  // namespace

TENON_MODULE(PriceList);
