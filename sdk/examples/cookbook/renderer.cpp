// Answers later: the handler defers its call, returns PENDING, and a thread of the module completes it.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <tenon/tenon.hpp>
#include <thread>

namespace {

class Renderer {
 public:
  using needs = tenon::needs<tenon::Calls, tenon::Services>;
  explicit Renderer(tenon::Ctx ctx) : services_(ctx) {}

  tenon::Status init() {
    return services_
        .offer("renderer.draw",
               [this](const tenon::Request& request, tenon::Reply&, tenon::Call call) {
                 Job job{std::string(request.text()), call.defer().value()};  // a copy: the request ends with this function
                 const std::lock_guard<std::mutex> lock(mutex_);
                 jobs_.push_back(std::move(job));
                 wake_.notify_one();
                 return tenon::Status::pending();
               })
        .status();
  }
  void start() { worker_ = std::thread(&Renderer::work, this); }
  void stop() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    if (worker_.joinable()) worker_.join();  // on return no thread of the module runs; after a start that failed there is none
  }

 private:
  struct Job {
    std::string text;
    tenon::Deferred call;  // dropped without an answer it would complete itself, with an error
  };
  void work() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      Job job = std::move(jobs_.front());
      jobs_.pop_front();
      const bool stopping = stopping_;
      lock.unlock();
      if (stopping) {
        (void)job.call.complete(tenon::Status::unavailable("the renderer stops"));
      } else if (!job.call.cancelled()) {  // somebody still waits
        (void)job.call.complete(tenon::Status(), tenon::Blob::adopt("<svg>" + job.text + "</svg>"));
      }
      lock.lock();
    }
  }

  tenon::Services services_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::thread worker_;
};

}  // namespace

TENON_MODULE(Renderer);
