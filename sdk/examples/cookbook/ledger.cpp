// Storage: a transaction over two accounts. Read with revisions, commit with the revisions read; ABORTED = somebody was faster: read again.
#include <string>
#include <tenon/tenon.hpp>

namespace {

class Ledger {
 public:
  using needs = tenon::needs<tenon::Log, tenon::Events, tenon::Storage>;
  explicit Ledger(tenon::Ctx ctx) : log_(ctx), events_(ctx), storage_(ctx) {}

  tenon::Status init() {
    accounts_ = storage_.open("ledger").value();  // the module's own namespace
    return events_
        .subscribe("ledger.transfer", [this](tenon::Event event) { return transfer("cash", "bank", std::stol(std::string(event.text()))); })
        .status();
  }

 private:
  struct Account {
    long balance = 0;
    std::uint64_t revision = 0;  // 0 = nothing is there, and must not be there at the commit
  };
  Account read(const char* name) const {
    const auto stored = accounts_.get(name);
    if (stored.ok()) return {std::stol(stored->value), stored->revision};
    if (stored.status().code() != TENON_NOT_FOUND) tenon::fail(stored.status());
    return {};
  }
  tenon::Status transfer(const char* from, const char* to, long amount) {
    if (amount <= 0) return tenon::Status::invalid_argument("an amount is above zero");
    for (int attempt = 1; attempt <= 5; ++attempt) {
      const Account a = read(from), b = read(to);
      if (a.balance < amount) return tenon::Status::failed_precondition("there is not enough on the account");
      tenon::StorageTransaction both;
      both.put_if(from, a.revision, std::to_string(a.balance - amount)).put_if(to, b.revision, std::to_string(b.balance + amount));
      const auto done = accounts_.commit(both);  // all or nothing; OK = on disk
      if (done.ok()) log_.info("transferred", "amount", amount, "attempts", attempt);
      if (done.status().code() != TENON_ABORTED) return done.status();
    }
    return {TENON_ABORTED, "CONTENTION", "five others were faster"};
  }

  tenon::Log log_;
  tenon::Events events_;
  tenon::Storage storage_;
  tenon::StorageSpace accounts_;
};

}  // namespace

TENON_MODULE(Ledger);
