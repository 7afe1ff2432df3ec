// OpenSSL writes to sockets in a way that raises SIGPIPE when the peer has gone. A library must not kill the
// program, nor change what it does with signals: so the signal is held back in this thread and taken out
// again. Used around every call of libcurl that may write.
#pragma once

#include <pthread.h>

#include <csignal>
#include <ctime>

namespace sluice::aws {

class NoSigpipe {
 public:
  NoSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    was_pending_ = pending();
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoSigpipe() {
    const timespec at_once{};
    while (!was_pending_ && pending() && sigtimedwait(&pipe_, nullptr, &at_once) == SIGPIPE) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  static bool pending() {
    sigset_t waiting;
    sigpending(&waiting);
    return sigismember(&waiting, SIGPIPE) == 1;
  }
  sigset_t pipe_{}, before_{};
  bool was_pending_ = false;
};

}  // namespace sluice::aws
