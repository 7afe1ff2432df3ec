#include "tests/contract/cloud_link/broker.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

extern char** environ;

namespace sluice::test {
namespace {

using boost::asio::ip::tcp;
constexpr const char* kMosquitto = "/usr/sbin/mosquitto";

int spawn(const std::string& program, const std::string& argument) {
  std::string p = program, c = "-c", a = argument;
  char* argv[] = {p.data(), c.data(), a.data(), nullptr};
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, 2, "/dev/null", 1, 0);
  ::posix_spawn_file_actions_addopen(&files, 1, "/dev/null", 1, 0);
  pid_t pid = -1;
  const int rc = ::posix_spawn(&pid, program.c_str(), &files, nullptr, argv, environ);
  ::posix_spawn_file_actions_destroy(&files);
  if (rc != 0) throw std::runtime_error("cannot start " + program);
  return pid;
}

void make_certificates(const std::filesystem::path& dir) {
  std::ofstream(dir / "make") << R"(set -e
key() { openssl ecparam -genkey -name prime256v1 -noout -out $1; }
authority() { key $1.key; openssl req -x509 -new -key $1.key -days 30 -subj /CN=$1 -out $1.pem; }
pair() { key $1.key; openssl req -new -key $1.key -subj /CN=$1 -out $1.csr
  openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days 30 $3 $4 -out $1.pem; }
authority ca; authority other-ca
echo 'subjectAltName=DNS:localhost' > san
pair server ca -extfile san; pair client ca; pair stranger other-ca
echo 'basicConstraints=critical,CA:true' > is-ca
pair middle ca -extfile is-ca; pair deep middle
cat deep.pem middle.pem > deep-chain.pem
)";
  const auto run = "cd " + dir.string() + " && sh make >/dev/null 2>&1";
  if (std::system(run.c_str()) != 0) throw std::runtime_error("openssl cannot make the test's certificates");
}

}  // namespace

bool run_until(boost::asio::io_context& loop, Clock& clock, const std::function<bool()>& condition) {
  bool over = false;
  const auto timer = clock.call_after(20s, [&] { over = true; });
  while (!condition() && !over) {
    loop.restart();
    loop.run_one_for(std::chrono::seconds(1));
  }
  clock.cancel(timer);
  return condition();
}

std::string Broker::text(const char* file) const {
  std::ifstream in(dir() / file);
  return {std::istreambuf_iterator<char>(in), {}};
}

TlsIdentity Broker::deep(bool with_chain) const {
  TlsIdentity identity;
  identity.certificate_pem = text(with_chain ? "deep-chain.pem" : "deep.pem");
  identity.key_pem = text("deep.key");
  identity.ca_pem = text("ca.pem");
  return identity;
}

bool Broker::installed() { return ::access(kMosquitto, X_OK) == 0; }

Broker::Broker(boost::asio::io_context& loop, Clock& clock, const std::string& extra)
    : loop_(loop), clock_(clock) {
  make_certificates(dir());
  {
    tcp::acceptor free(loop_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    port_ = free.local_endpoint().port();
  }
  std::ofstream(dir() / "conf") << "listener " << port_ << " localhost\n"
                                << (::geteuid() == 0 ? "user root\n" : "") << "cafile "
                                << (dir() / "ca.pem").string() << "\ncertfile "
                                << (dir() / "server.pem").string() << "\nkeyfile "
                                << (dir() / "server.key").string()
                                << "\nrequire_certificate true\nallow_anonymous true\n"
                                << "set_tcp_nodelay true\npersistence true\npersistence_location "
                                << dir().string() << "/\n"
                                << extra << "\n";
  start();
}

void Broker::start() {
  pid_ = spawn(kMosquitto, (dir() / "conf").string());
  bool open = false;
  const std::function<void()> knock = [&] {
    boost::system::error_code ec;
    tcp::socket socket(loop_);
    socket.connect({boost::asio::ip::address_v4::loopback(), port_}, ec);
    open = !ec;
    if (!open) clock_.call_after(20ms, knock);
  };
  knock();
  if (!run_until(loop_, clock_, [&] { return open; })) throw std::runtime_error("mosquitto does not listen");
}

void Broker::stop() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGTERM);  // it saves its sessions
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

Broker::~Broker() { stop(); }

}  // namespace sluice::test
