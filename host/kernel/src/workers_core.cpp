#include "workers_core.hpp"

#include <sys/prctl.h>

#include <new>

namespace tenon::host {

constinit thread_local void* this_worker = nullptr;

namespace {

void call_end(const Job& job, JobEnd how) {
  if (job.end != nullptr) job.end(job.data, how);
}

}  // namespace

bool WorkerPool::Core::start(std::shared_ptr<Account> first) {
  if (threads >= options.max_threads) return false;
  std::shared_ptr<std::list<Worker>> record;
  try {
    record = std::make_shared<std::list<Worker>>(1);
  } catch (const std::bad_alloc&) {
    return false;
  }
  record->front().core = this;
  ++threads;
  if (start_thread([self = shared_from_this(), record, first = std::move(first)] { worker_main(self, *record, first); })) return true;
  --threads;
  return false;
}

std::size_t WorkerPool::Core::drop_queue(Account& account, std::unique_lock<std::mutex>& lock) {
  std::size_t n = 0;
  unlist(account);
  for (; account.waiting() != 0; ++n) {
    const Job job = account.next_queue().front();
    account.next_queue().pop_front();
    count_queued(-1);
    ++dropped;
    lock.unlock();
    call_end(job, JobEnd::dropped);
    lock.lock();
  }
  return n;
}

Result<void> WorkerPool::Core::may_queue(const Account& account) {
  if (account.queue.size() >= options.max_queued)
    return workers_exhausted(
        "`" + account.name + "` has " + std::to_string(account.queue.size()) + " jobs waiting for a worker, no more are taken",
        "QUEUE_FULL");
  // Waiting behind threads that work is a queue; behind threads that are all held it would be waiting for nothing.
  if (account.running >= account.quota && account.held >= account.quota)
    return workers_exhausted("`" + account.name + "` holds all " + std::to_string(account.quota) +
                                 " workers it may have, and each of them waits inside a host function or is over its deadline",
                             "WORKERS_HELD");
  if (threads >= options.max_threads && held >= threads) {
    const auto most =
        std::max_element(accounts.begin(), accounts.end(), [](const auto& a, const auto& b) { return a.second->stuck < b.second->stuck; });
    return workers_exhausted("all " + std::to_string(threads) + " workers wait inside host functions or are over their deadline; `" +
                                 most->second->name + "` holds most of them (" + std::to_string(most->second->stuck) + ")",
                             "WORKERS_HELD");
  }
  return {};
}

Job WorkerPool::Core::begin(Worker& worker, Account& account) {
  const Job job = account.next_queue().front();
  account.next_queue().pop_front();
  count_queued(-1);
  ++account.running;
  ++taken;
  worker.account = &account;
  worker.deadline_ns = job.deadline_ns;
  worker.timeout_ns = job.timeout_ns != 0 ? job.timeout_ns : job.deadline_ns == no_deadline ? options.patience_ns : no_deadline;
  worker.seen = false;
  return job;
}

void WorkerPool::Core::finish(Worker& worker, Account& account) {
  change(worker, [&] {
    worker.overrun = false;
    worker.blocking = worker.turns = 0;
  });
  worker.account = nullptr;
  --account.running;
  ++ran;
  list(account);
  forget_if_left(account);
}

void WorkerPool::worker_main(const std::shared_ptr<Core>& core, std::list<Worker>& record, const std::shared_ptr<Account>& first) {
  prctl(PR_SET_NAME, "tenon-worker");
  if (core->options.thread_begins) core->options.thread_begins();
  const auto me = record.begin();
  this_worker = &*me;
  // A lent thread is one more than wanted, and stays for the one job it was lent for.
  bool lent = first != nullptr;
  std::unique_lock lock(core->mutex);
  core->workers.splice(core->workers.end(), record);
  while (lent || core->busy() <= core->options.threads) {
    if (core->ready.empty()) {
      lent = false;
      if (core->stopping || core->active() > core->options.threads) break;
      ++core->idle;
      while (core->wakes == 0 && !core->stopping) core->work.wait(lock);
      if (core->wakes != 0)
        --core->wakes;
      else
        --core->idle;
      continue;
    }
    const std::shared_ptr<Account> account = (lent && first->listed() ? *first : *core->ready.front()).shared_from_this();
    lent = false;
    core->unlist(*account);
    const Job job = core->begin(*me, *account);
    core->list(*account);
    lock.unlock();
    if (job.run != nullptr) job.run(job.data);
    call_end(job, JobEnd::ran);
    lock.lock();
    core->finish(*me, *account);
  }
  core->workers.erase(me);
  --core->threads;
  this_worker = nullptr;
  if (core->waiters != 0) core->changed.notify_all();
}

void WorkerPool::own_main(const std::shared_ptr<Core>& core, const std::shared_ptr<Account>& account, const Job& job) {
  prctl(PR_SET_NAME, "tenon-loop");
  if (core->options.thread_begins) core->options.thread_begins();
  Worker worker;
  worker.core = core.get();
  worker.account = account.get();
  worker.own = true;
  this_worker = &worker;
  if (job.run != nullptr) job.run(job.data);
  call_end(job, JobEnd::ran);
  this_worker = nullptr;
  const std::lock_guard lock(core->mutex);
  --account->own_threads;
  --core->own_threads;
  ++core->ran;
  core->forget_if_left(*account);
}

}  // namespace tenon::host
