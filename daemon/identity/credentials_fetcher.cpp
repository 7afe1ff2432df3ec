#include "identity/credentials_fetcher.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "aws/iot_credentials.hpp"

namespace sluice::identity {
namespace {

constexpr std::size_t kThreads = 2;  // one endpoint that hangs does not hold up the other identities
constexpr std::size_t kMostPem = 64 * 1024;

using Outcome = aws::result<aws::TemporaryCredentials>;

aws::Error unreadable(const std::filesystem::path& file) {
  return {
      aws::Error::Kind::invalid,
      0,
      {},
      "cannot read " + file.string() + " (or it has more than 64 KiB); check the file and its permissions",
      {}};
}

aws::result<std::string> text_of(const std::string& text, const std::filesystem::path& file) {
  if (!text.empty() || file.empty()) return text;
  std::ifstream stream(file, std::ios::binary);
  std::string read(kMostPem + 1, '\0');
  if (!stream.read(read.data(), static_cast<std::streamsize>(read.size())).eof() || stream.gcount() == 0) {
    return unreadable(file);
  }
  read.resize(static_cast<std::size_t>(stream.gcount()));
  return read;
}

class ThreadedFetcher final : public CredentialsFetcher {
 public:
  ThreadedFetcher(boost::asio::io_context& loop, MakeHttp make_http)
      : loop_(loop), make_http_(std::move(make_http)) {
    for (std::size_t i = 0; i < kThreads; ++i) threads_.emplace_back([this] { work(); });
  }

  ~ThreadedFetcher() override {
    *alive_ = false;
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
      jobs_.clear();
    }
    wake_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  void fetch(CredentialsSource source, Done done) override {
    {
      const std::scoped_lock lock(mutex_);
      jobs_.push_back({std::move(source), std::move(done)});
    }
    wake_.notify_one();
  }

 private:
  struct Job {
    CredentialsSource source;
    Done done;
  };

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      auto outcome = ask(job.source);
      boost::asio::post(loop_,
                        [alive = alive_, done = std::move(job.done), outcome = std::move(outcome)]() mutable {
                          if (*alive) done(std::move(outcome));
                        });
      job = {};  // its keys go outside the lock
      lock.lock();
    }
  }

  Outcome ask(const CredentialsSource& source) const {
    const auto& tls = source.identity.tls;
    aws::HttpOptions options;
    options.cancelled = &stopping_;
    options.most_response = kMostPem;
    for (const auto& [into, text, file] :
         {std::tuple(&options.certificate_pem, &tls.certificate_pem, &tls.files.certificate),
          std::tuple(&options.key_pem, &tls.key_pem, &tls.files.key),
          std::tuple(&options.ca_pem, &tls.ca_pem, &tls.files.ca)}) {
      auto read = text_of(*text, *file);
      if (!read) return read.error();
      *into = *std::move(read);
    }
    // A client of its own each time: a certificate may have been rotated, and calls are an hour apart.
    const auto http = make_http_(std::move(options));
    aws::CredentialsRequest request;
    request.endpoint = source.endpoint;
    request.role_alias = source.role_alias;
    request.thing = source.identity.thing;
    return aws::fetch_credentials(*http, request);
  }

  boost::asio::io_context& loop_;
  const MakeHttp make_http_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // read and written on the loop only
};

}  // namespace

std::unique_ptr<CredentialsFetcher> make_credentials_fetcher(boost::asio::io_context& loop,
                                                             MakeHttp make_http) {
  return std::make_unique<ThreadedFetcher>(loop, std::move(make_http));
}

}  // namespace sluice::identity
