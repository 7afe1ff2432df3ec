// A codec library behind the Dialect's face. Nothing that it says is believed before it is checked: versions,
// sizes, pointers, lengths, counts. What cannot be checked (a wild pointer, an endless loop) ends this
// process, which the daemon starts again.
#include "plugins/codec.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstring>
#include <filesystem>

#include "core/file_owner.hpp"
#include "plugins/serial/dialect.hpp"

namespace sluice::serial {
namespace {

constexpr std::size_t kMostReadings = 256, kMostFrames = 16;
constexpr std::size_t kMostPayload = 64 * 1024, kMostTopic = 256, kMostAddress = 128, kMostFrame = 65'535,
                      kMostLog = 512;
// What every codec of this abi has.
constexpr std::size_t kLeastSize = offsetof(sluice_codec, encode);

sluice_bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

bool text_of(sluice_bytes bytes, std::size_t most, std::string& text) {
  if (bytes.size > most || (bytes.data == nullptr && bytes.size != 0)) return false;
  text.assign(bytes.size == 0 ? "" : reinterpret_cast<const char*>(bytes.data), bytes.size);
  return true;
}

// What a codec says during one call.
struct Said {
  std::vector<Reading> readings;
  std::vector<std::string> frames;
  bool too_much = false;
  const CodecLog* log = nullptr;
};

extern "C" int codec_reading(void* context, sluice_bytes device, sluice_bytes topic, sluice_bytes payload) {
  auto& said = *static_cast<Said*>(context);
  Reading reading;
  if (said.readings.size() >= kMostReadings || !text_of(device, kMostAddress, reading.address) ||
      !text_of(topic, kMostTopic, reading.topic) || !text_of(payload, kMostPayload, reading.payload)) {
    said.too_much = true;
    return SLUICE_CODEC_FAILED;
  }
  said.readings.push_back(std::move(reading));
  return SLUICE_CODEC_OK;
}

extern "C" int codec_send(void* context, sluice_bytes frame) {
  auto& said = *static_cast<Said*>(context);
  std::string text;
  if (said.frames.size() >= kMostFrames || !text_of(frame, kMostFrame, text)) {
    said.too_much = true;
    return SLUICE_CODEC_FAILED;
  }
  said.frames.push_back(std::move(text));
  return SLUICE_CODEC_OK;
}

extern "C" void codec_log(void* context, int level, sluice_bytes text) {
  auto& said = *static_cast<Said*>(context);
  std::string line;
  if (text.size > kMostLog) text.size = kMostLog;
  if (said.log != nullptr && *said.log && text_of(text, kMostLog, line))
    (*said.log)(level >= 0 && level <= 7 ? level : 6, line);
}

class Codec final : public Dialect {
 public:
  Codec(void* library, const sluice_codec& codec, CodecLog log) : library_(library), log_(std::move(log)) {
    // A copy, with zeros for what an older codec does not have.
    const auto size = std::min<std::size_t>(codec.size, sizeof codec_);
    std::memcpy(&codec_, &codec, size - size % sizeof(void*));
  }
  ~Codec() override {
    if (self_ != nullptr) codec_.close(self_);
    ::dlclose(library_);
  }

  result<void> open(const std::string& config) {
    Said said;
    const auto host = host_for(said);
    self_ = codec_.open(&host, bytes_of(config));
    if (self_ != nullptr) return {};
    return Error{errc::invalid_argument, fmt::format("codec {} does not take its codec_config", codec_.name)};
  }

  Decoded decode(std::string_view frame, std::vector<Reading>& readings, Frames& replies) override {
    Said said;
    const auto host = host_for(said);
    const int code = codec_.decode(self_, &host, bytes_of(frame));
    if (said.too_much) {
      log_(3, fmt::format("codec {} says more than it may for one frame", codec_.name));
      return Decoded::failed;
    }
    if (code == SLUICE_CODEC_OK || code == SLUICE_CODEC_NOT_MINE) replies = std::move(said.frames);
    switch (code) {
      case SLUICE_CODEC_OK:
        if (said.readings.empty()) return Decoded::nothing;
        readings = std::move(said.readings);
        return Decoded::readings;
      case SLUICE_CODEC_NOT_MINE:
        return Decoded::nothing;
      case SLUICE_CODEC_BAD:
        return Decoded::bad;
      default:
        return Decoded::failed;
    }
  }

  result<Frames> encode(const std::string& address, std::string_view topic,
                        std::string_view payload) override {
    if (codec_.encode == nullptr) return Error{errc::unsupported, "this codec has no messages for devices"};
    Said said;
    const auto host = host_for(said);
    const int code = codec_.encode(self_, &host, bytes_of(address), bytes_of(topic), bytes_of(payload));
    if (code != SLUICE_CODEC_OK || said.too_much)
      return Error{errc::invalid_argument,
                   fmt::format("codec {} cannot say this to the device", codec_.name)};
    return std::move(said.frames);
  }

  Frames poll(const std::string& address) override {
    if (codec_.poll == nullptr) return {};
    Said said;
    const auto host = host_for(said);
    if (codec_.poll(self_, &host, bytes_of(address)) != SLUICE_CODEC_OK || said.too_much) return {};
    return std::move(said.frames);
  }

  Frames ack(const std::string& address, std::string_view frame, bool taken) override {
    if (codec_.ack == nullptr) return {};
    Said said;
    const auto host = host_for(said);
    if (codec_.ack(self_, &host, bytes_of(address), bytes_of(frame), taken ? 1 : 0) != SLUICE_CODEC_OK ||
        said.too_much)
      return {};
    return std::move(said.frames);
  }

 private:
  sluice_codec_host host_for(Said& said) {
    said.log = &log_;
    return {SLUICE_CODEC_ABI, sizeof(sluice_codec_host), &said, codec_reading, codec_send, codec_log};
  }

  void* library_;
  CodecLog log_;
  sluice_codec codec_{};
  void* self_ = nullptr;
};

// It runs with this process's rights: nobody else may be able to change it, or put another in its place. The
// path is the one that was looked at, without links.
result<std::string> file_of(const std::string& path) {
  if (path.empty() || path.front() != '/')  // dlopen would look elsewhere
    return Error{errc::invalid_argument, fmt::format("codec {}: give an absolute path", path)};
  std::error_code ec;
  const auto file = std::filesystem::canonical(path, ec);
  if (ec) return Error{errc::not_found, fmt::format("codec {}: there is no such file", path)};
  if (auto fine = only_ours(file); !fine)
    return Error{fine.error().code, fmt::format("codec {}: {}", path, fine.error().text)};
  return file.string();
}

}  // namespace

result<std::unique_ptr<Dialect>> load_codec(const std::string& path, const std::string& config,
                                            CodecLog log) {
  const auto file = file_of(path);
  if (!file) return file.error();
  const auto wrong = [&path](std::string_view what) {
    return Error{errc::invalid_argument, fmt::format("codec {}: {}", path, what)};
  };
  void* library = ::dlopen(file->c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const auto* why = ::dlerror();
    return wrong(why == nullptr ? "cannot be loaded" : why);
  }
  const auto refuse = [&](std::string_view what) {
    ::dlclose(library);
    return wrong(what);
  };
  const auto symbol = reinterpret_cast<const sluice_codec* (*)()>(::dlsym(library, "sluice_codec_v1"));
  if (symbol == nullptr) return refuse("has no symbol sluice_codec_v1 (plugins/codec.h)");
  const auto* codec = symbol();
  if (codec == nullptr) return refuse("sluice_codec_v1 gives nothing");
  if (codec->abi != SLUICE_CODEC_ABI)
    return refuse(fmt::format("is of abi {}, this adapter speaks {}", codec->abi, SLUICE_CODEC_ABI));
  if (codec->size < kLeastSize) return refuse("its structure is too small");
  if (codec->name == nullptr || codec->open == nullptr || codec->close == nullptr || codec->decode == nullptr)
    return refuse("lacks one of name, open, close, decode");
  auto made = std::make_unique<Codec>(library, *codec, std::move(log));
  if (auto opened = made->open(config); !opened) return opened.error();
  return std::unique_ptr<Dialect>(std::move(made));
}

}  // namespace sluice::serial
