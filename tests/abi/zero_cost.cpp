// Pairs of functions, c_<name> and cpp_<name>, that do the same in C and through the wrapper. zero_cost.py compares their instructions.
#include <tenon/tenon.hpp>

struct Direct {
  tenon_ctx* ctx;
  const tenon_log* table;
};

extern "C" {

void c_log(const Direct* log) {
  if (TENON_LOG_ENABLED(log->table, TENON_LEVEL_INFO)) log->table->write(log->ctx, TENON_LEVEL_INFO, TENON_STR("hi"), nullptr, 0);
}
void cpp_log(const tenon::Log* log) { log->info("hi"); }

void c_log_text(const Direct* log, const char* text, std::size_t size) {
  if (!TENON_LOG_ENABLED(log->table, TENON_LEVEL_WARN)) return;
  const tenon_kv kv[] = {{TENON_STR("key"), {text, size}}};
  log->table->write(log->ctx, TENON_LEVEL_WARN, TENON_STR("hi"), kv, 1);
}
void cpp_log_text(const tenon::Log* log, const char* text, std::size_t size) { log->warn("hi", "key", std::string_view(text, size)); }

bool c_enabled(const Direct* log) { return TENON_LOG_ENABLED(log->table, TENON_LEVEL_DEBUG); }
bool cpp_enabled(const tenon::Log* log) { return log->enabled(TENON_LEVEL_DEBUG); }

struct DirectCall {
  tenon_ctx* ctx;
  const tenon_calls* table;
  tenon_call* call;
};
bool c_cancelled(const DirectCall* c) { return c->table->cancelled(c->call) != 0; }
bool cpp_cancelled(const tenon::Call* c) { return c->cancelled(); }

// A call through a leased table: what the host gives are the provider's own two pointers. Once as a plain table and self of somebody's, once as
// the host's struct, once as the wrapper.
struct Client {
  std::uint32_t struct_size, reserved;
  std::int64_t (*price)(void* self, std::int64_t article) noexcept;
};
struct PlainPair {
  const Client* table;
  void* self;
};
std::int64_t c_leased_raw(const PlainPair* p, std::int64_t article) { return p->table->price(p->self, article); }
std::int64_t cpp_leased_raw(const tenon_leased* l, std::int64_t article) {
  return static_cast<const Client*>(l->table)->price(l->self, article);
}
std::int64_t c_leased_call(const PlainPair* p, std::int64_t article) { return p->table->price(p->self, article); }
std::int64_t cpp_leased_call(const tenon::Lease<Client>* l, std::int64_t article) { return l->call(&Client::price, article); }
std::int64_t c_leased_arrow(const PlainPair* p, std::int64_t article) { return p->table->price(p->self, article); }
std::int64_t cpp_leased_arrow(const tenon::Lease<Client>* l, std::int64_t article) { return (*l)->price(l->self(), article); }

}  // extern "C"
