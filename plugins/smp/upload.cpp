// The upload side of SmpTarget: packets that shrink when they are lost, and the device's offset as the only
// truth.
#include <fmt/format.h>

#include <algorithm>

#include "core/task.hpp"
#include "plugins/smp/mcuboot_image.hpp"
#include "plugins/smp/target.hpp"

namespace sluice::smp {
namespace asio = boost::asio;
namespace {

constexpr Duration kUploadPause = 300ms;
constexpr int kNoProgress = 8;  // answers in a row that leave the offset where it was

Error no_match() {
  return {errc::corrupt,
          "the device has checked the file that it received: it is not the one that was sent; send it again"};
}

// As much data as fits a message of this size.
template <typename Make>
std::string_view fitting(std::string_view data, std::size_t message, const Make& make) {
  const std::size_t around =
      kHeaderSize + cbor::encode(make(std::string_view{}).body).size() + 2;  // 2: a longer length
  return data.substr(0, message > around ? message - around : 1);
}

}  // namespace

asio::awaitable<result<UploadReply>> SmpTarget::packet(const Command& command,
                                                       std::optional<Duration> patience) {
  const auto sent = exchange_.clock().now();
  const Duration wait = patience.value_or(chunk_.wait());
  const auto body = co_await exchange_.ask(command, {wait, 1});
  if (!body) {
    if (body.error().code == errc::timeout) chunk_.lost();
    if (body.error().code == errc::throttled) co_await sleep_for(exchange_.clock(), kUploadPause);
    co_return body.error();
  }
  if (!patience) {
    chunk_.answered(kHeaderSize + cbor::encode(command.body).size(), exchange_.clock().now() - sent);
  }
  auto reply = upload_reply_in(*body);
  if (reply && reply->offset > size_) {
    co_return Error{errc::protocol, fmt::format("the device asks for byte {} of {}", reply->offset, size_)};
  }
  co_return reply;
}

asio::awaitable<result<std::uint64_t>> SmpTarget::begin(UploadHead head, std::string_view file_begins) {
  if (!head.image) head.image = options_.image;
  if (const auto image = image_header(file_begins); !image) co_return image.error();
  if (head.size < file_begins.size() || head.sha.size() != 32) {
    co_return Error{errc::invalid_argument, "an upload needs the size of the file and its SHA-256"};
  }
  size_ = head.size;
  const auto make = [&](std::string_view data) { return upload_first(head, data); };
  result<UploadReply> reply = Error{errc::timeout, "not asked"};
  // It may be the line that is bad, or the device that erases: ask again soon, then later and later. A device
  // that erases finds the others behind the first and answers where it is.
  Duration waited{};
  for (Duration wait = options_.usual.reply; waited < 2 * options_.erase;
       wait = std::min(2 * wait, options_.erase)) {
    const auto data = fitting(file_begins, chunk_.size(), make);
    if (data.size() < kImageHeaderSize) {
      co_return Error{
          errc::unsupported,
          fmt::format("messages of {} bytes are too small for the first packet of an upload", chunk_.size())};
    }
    reply = co_await packet(make(data), wait);
    if (reply || (reply.error().code != errc::timeout && reply.error().code != errc::throttled)) break;
    waited += wait;
  }
  if (!reply) co_return reply.error();
  if (reply->match == false) co_return no_match();
  co_return reply->offset;
}

asio::awaitable<result<std::uint64_t>> SmpTarget::write(std::uint64_t offset, std::string_view bytes) {
  if (offset + bytes.size() > size_)
    co_return Error{errc::invalid_argument, "more bytes than the file that was begun has"};
  const std::uint64_t end = offset + bytes.size();
  std::uint64_t at = offset;
  int silent = 0, stuck = 0;
  while (at < end) {
    const auto make = [at](std::string_view data) { return upload_more(at, data); };
    const auto reply = co_await packet(make(fitting(bytes.substr(at - offset), chunk_.size(), make)), {});
    if (!reply) {
      const bool again = reply.error().code == errc::timeout || reply.error().code == errc::throttled;
      if (!again || ++silent >= options_.silent_packets) co_return reply.error();
      continue;
    }
    silent = 0;
    if (reply->match == false) co_return no_match();
    if (reply->offset == at && ++stuck >= kNoProgress) {
      co_return Error{errc::protocol, fmt::format("the device does not get beyond byte {}", at)};
    }
    if (reply->offset != at) stuck = 0;
    // Behind what was given, or before it: the caller has those bytes.
    if (reply->offset < offset || reply->offset > end || reply->offset == 0) co_return reply->offset;
    at = reply->offset;
  }
  co_return at;
}

}  // namespace sluice::smp
