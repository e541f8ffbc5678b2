#include "puppets.hpp"

#include <cstdio>
#include <cstdlib>

namespace tenon::test {

using namespace host;

namespace {

PuppetStrings* the_test = nullptr;

Who who_is(const puppet* p) { return the_test->created[0] == p ? Who::orders : Who::web; }

const puppet_strings the_strings = {
    [](const char* name, const puppet* p) { the_test->created[name == std::string_view("orders") ? 0 : 1] = p; },
    [](const puppet* p) { return the_test->init ? the_test->init(who_is(p)) : TENON_OK; },
    [](const puppet* p) { return the_test->stop ? the_test->stop(who_is(p)) : TENON_OK; },
    [](void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* err) {
      return static_cast<PuppetService*>(data)->handle(call, request, reply, err);
    },
    [](void* data) {
      if (const auto& f = static_cast<PuppetService*>(data)->released) f();
    },
    [](void* data, tenon_id, tenon_status status, tenon_reply* reply, const tenon_error* error) {
      static_cast<PuppetEnding*>(data)->told(status, reply, error);
    },
    [](void* data, tenon_status why) { static_cast<PuppetEnding*>(data)->told(why, nullptr, nullptr); },
};

std::vector<ServicePattern> patterns(std::initializer_list<const char*> list) {
  std::vector<ServicePattern> out;
  for (const char* text : list) out.push_back(*parse_service_pattern(text));
  return out;
}

}  // namespace

PuppetStrings::PuppetStrings() {
  the_test = this;
  char address[32];
  std::snprintf(address, sizeof address, "%llx", static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(&the_strings)));
  ::setenv("TENON_PUPPET", address, 1);
}

PuppetStrings::~PuppetStrings() { the_test = nullptr; }

Permissions permissions_of(Who who) {
  PermissionSet asked, granted;
  if (who == Who::orders) {
    asked.service_calls = patterns({"web.>", "billing.>"});
    granted.service_calls = patterns({"web.>"});
    asked.service_provides = patterns({"shop.list", "shop.other"});
    granted.service_provides = patterns({"shop.list"});
  } else {
    asked.service_calls = granted.service_calls = patterns({"orders.>", "shop.>"});
    asked.service_provides = granted.service_provides = patterns({"shop.list"});
  }
  return Permissions::of_plugin(name_of(who), std::move(asked), std::move(granted));
}

LoadedPuppets::LoadedPuppets(PuppetSetup setup)
    : serial_{setup.orders_serial, setup.web_serial}, world_(std::move(setup.kernel), setup.strict) {}

LoadedPuppets::~LoadedPuppets() {
  for (const Who who : {Who::orders, Who::web})
    if (puppets_[static_cast<std::size_t>(who)]) CHECK(leave(who));
}

bool LoadedPuppets::begin(Who who) {
  const auto place = static_cast<std::size_t>(who);
  PuppetSpec spec;
  spec.file = serial_[place] ? SERVICES_PUPPET_SERIAL : SERVICES_PUPPET;
  spec.name = name_of(who);
  spec.needs = {TENON_CALLS, TENON_SERVICES};
  spec.permissions = std::make_shared<const Permissions>(permissions_of(who));
  puppets_[place] = std::move(world_.prepare({spec}).front());
  puppets_[place]->run(Phase::load);
  puppets_[place]->run(Phase::create);
  return puppets_[place]->instance().run(Phase::init, soon()).kind == Outcome::Kind::done;
}

void LoadedPuppets::start(Who who) { puppets_[static_cast<std::size_t>(who)]->run(Phase::start); }

void LoadedPuppets::boot() {
  for (const Who who : {Who::orders, Who::web}) {
    REQUIRE(begin(who));
    start(who);
  }
}

bool LoadedPuppets::leave(Who who) {
  const auto place = static_cast<std::size_t>(who);
  const bool well = puppets_[place]->end();
  puppets_[place] = nullptr;
  strings.created[place] = nullptr;
  return well;
}

}  // namespace tenon::test
