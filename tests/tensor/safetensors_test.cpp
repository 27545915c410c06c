#include "tensor/safetensors.h"

#include <gtest/gtest.h>

#include "tests/support.h"
#include "tests/tensor/folder.h"

namespace chainline {
namespace {

using test::bytes_of;
using test::content_of;
using test::Folder;
using test::for_each_mutation;
using test::message_of;
using test::randn;
using test::text_of;

/// A file of this header, unpadded, and data.
std::string file_of(const std::string& header, const std::string& data = "") {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return file + header + data;
}

std::string refusal(const std::string& file) {
  return message_of<FileError>([&] { parse_safetensors(bytes_of(file), "x"); });
}

/// The refusal of a header with one tensor "w" of these fields.
std::string tensor_refusal(const std::string& fields, const std::string& data = "") {
  return refusal(file_of("{\"w\":{" + fields + "}}", data));
}

// The header, its padding and the data of each tensor, written out by hand. "b" has the larger
// elements and comes first in the data; the header is in the order of names.
TEST(Safetensors, WritesTheseBytes) {
  const std::string header = R"({"__metadata__":{"by":"hand"},)"
                             R"("a":{"dtype":"U8","shape":[3],"data_offsets":[8,11]},)"
                             R"("b":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}})";
  ASSERT_EQ(header.size(), 138u);
  const std::string expected = std::string("\x90\0\0\0\0\0\0\0", 8) + header + std::string(6, ' ') +
                               std::string("\x00\x00\x80\x3f\x00\x00\x00\x40\x07\x08\x09", 11);
  Safetensors content;
  content.tensors["b"] = Tensor::from<float>({1, 2}, {2, 1});
  content.tensors["a"] = Tensor::from<std::uint8_t>({7, 8, 9}, {3});
  content.metadata["by"] = "hand";
  EXPECT_EQ(text_of(safetensors_bytes(content)), expected);
  const Safetensors read = parse_safetensors(bytes_of(expected), "x");
  EXPECT_EQ(read.metadata, content.metadata);
  ASSERT_EQ(read.tensors.size(), 2u);
  EXPECT_TRUE(same_bits(read.tensors.at("a"), content.tensors["a"]));
  EXPECT_TRUE(same_bits(read.tensors.at("b"), content.tensors["b"]));
}

TEST(Safetensors, ReadsBackWhatItWrote) {
  const Folder folder;
  Safetensors content;
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16, DType::i64, DType::u8}) {
    for (const Shape& shape : {Shape{}, Shape{7}, Shape{0}, Shape{2, 3, 5}, Shape{3, 0, 2}}) {
      content.tensors[std::string(name(dtype)) + to_string(shape)] =
          test::randint(shape, 0, 200, 1).to(dtype);
    }
  }
  content.tensors["view"] = randn({3, 4}, 1).transpose(0, 1);
  content.tensors["\"quoted\"\n\xc3\xa9"] = randn({2}, 2);
  content.tensors[""] = randn({1}, 2);
  content.metadata = {{"", ""}, {"\x01", "\\"}};
  write_safetensors(folder / "x", content);
  const std::vector<std::byte> bytes = safetensors_bytes(content);
  EXPECT_EQ(content_of(folder / "x"), text_of(bytes));
  for (const Safetensors& read : {read_safetensors(folder / "x"), parse_safetensors(bytes, "x")}) {
    EXPECT_EQ(read.metadata, content.metadata);
    ASSERT_EQ(read.tensors.size(), content.tensors.size());
    for (const auto& named : content.tensors) {
      EXPECT_TRUE(same_bits(read.tensors.at(named.first), named.second)) << named.first;
    }
  }
}

TEST(Safetensors, ReadsWhatOtherWritersWrite) {
  EXPECT_TRUE(parse_safetensors(bytes_of(file_of("{}")), "x").tensors.empty());
  EXPECT_TRUE(parse_safetensors(safetensors_bytes({}), "x").tensors.empty());
  // No padding, so that the data is not aligned; the fields in another order; offsets not sorted.
  const Safetensors read =
      parse_safetensors(bytes_of(file_of(R"({"b":{"data_offsets":[1,9],"dtype":"I64","shape":[]},)"
                                         R"("a":{"shape":[1],"data_offsets":[0,1],"dtype":"U8"}} )",
                                         std::string("\x05\x06\x00\x00\x00\x00\x00\x00\x00", 9))),
                        "x");
  EXPECT_EQ(read.tensors.at("a").item<std::uint8_t>(), 5);
  EXPECT_EQ(read.tensors.at("b").item<std::int64_t>(), 6);
}

TEST(Safetensors, RefusesAHeaderThatDoesNotFit) {
  EXPECT_EQ(refusal("1234567"), "x: expected a safetensors file of at least 8 bytes, got 7");
  EXPECT_EQ(refusal(std::string("\x03\0\0\0\0\0\0\0{}", 10)),
            "x: the safetensors header of 3 bytes goes past the end of the file");
  EXPECT_EQ(refusal(std::string("\x01\xe1\xf5\x05\0\0\0\0{}", 10)),
            "x: expected a safetensors header of at most 100000000 bytes, got 100000001");
  EXPECT_EQ(refusal(std::string(8, '\xff')),
            "x: expected a safetensors header of at most 100000000 bytes, got "
            "18446744073709551615");
}

TEST(Safetensors, RefusesWhatIsNotJsonOfItsForm) {
  EXPECT_EQ(refusal(file_of("")), "x: safetensors header: byte 8: expected '{' to start it");
  EXPECT_EQ(refusal(file_of(" {}")), "x: safetensors header: byte 8: expected '{' to start it");
  EXPECT_EQ(refusal(file_of("{")), "x: safetensors header: byte 9: not JSON, or not UTF-8");
  EXPECT_EQ(refusal(file_of("{}}")), "x: safetensors header: byte 10: not JSON, or not UTF-8");
  EXPECT_EQ(refusal(file_of(std::string("{}\0{}", 5))),
            "x: safetensors header: byte 10: not JSON, or not UTF-8");
  EXPECT_EQ(refusal(file_of("{\"\xff\":1}")),
            "x: safetensors header: byte 10: not JSON, or not UTF-8");
  EXPECT_EQ(refusal(file_of(R"({"w":1})")), "x: tensor \"w\": expected an object, got a number");
  EXPECT_EQ(refusal(file_of(R"({"w":[]})")), "x: tensor \"w\": expected an object, got an array");
  EXPECT_EQ(refusal(file_of(R"({"w":null})")), "x: tensor \"w\": expected an object, got null");
  EXPECT_EQ(refusal(file_of(R"({"__metadata__":{"a":1}})")),
            "x: __metadata__: \"a\": expected a string, got a number");
  EXPECT_EQ(refusal(file_of(R"({"__metadata__":{"a":{}}})")),
            "x: __metadata__: \"a\": expected a string, got an object");
  EXPECT_EQ(refusal(file_of(R"({"__metadata__":"a"})")),
            "x: tensor \"__metadata__\": expected an object, got a string");
}

TEST(Safetensors, RefusesKeysGivenTwice) {
  EXPECT_EQ(refusal(file_of(R"({"__metadata__":{},"__metadata__":{}})")),
            "x: __metadata__ appears twice");
  EXPECT_EQ(refusal(file_of(R"({"__metadata__":{"a":"","a":""}})")),
            "x: __metadata__: key \"a\" appears twice");
  const std::string w = R"("w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_EQ(refusal(file_of("{" + w + "," + w + "}")), "x: tensor \"w\": appears twice");
  EXPECT_EQ(tensor_refusal(R"("shape":[],"shape":[])"), "x: tensor \"w\": shape appears twice");
}

TEST(Safetensors, RefusesNamesOverTheLimits) {
  const std::string entry = R"(:{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})";
  const std::string longest(4096, 'n');
  EXPECT_EQ(
      parse_safetensors(bytes_of(file_of("{\"" + longest + "\"" + entry)), "x").tensors.size(), 1u);
  EXPECT_EQ(refusal(file_of("{\"" + longest + "n\"" + entry)),
            "x: safetensors header: expected names of at most 4096 bytes, got 4097");
  EXPECT_EQ(refusal(file_of("{\"a\\u0000b\"" + entry)),
            "x: safetensors header: a name contains a NUL");
  // Control characters do not reach the terminal.
  EXPECT_EQ(refusal(file_of("{\"\\u001b[2J\":1}")),
            "x: tensor \"\\u001b[2J\": expected an object, got a number");
}

TEST(Safetensors, RefusesMoreThan100000Tensors) {
  const auto header = [](int n) {
    std::string text = "{";
    for (int i = 0; i < n; ++i) {
      text += (i == 0 ? "\"" : ",\"") + std::to_string(i);
      text += R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
    }
    return text + "}";
  };
  EXPECT_EQ(parse_safetensors(bytes_of(file_of(header(100000))), "x").tensors.size(), 100000u);
  EXPECT_EQ(refusal(file_of(header(100001))),
            "x: safetensors header: expected at most 100000 tensors");
}

TEST(Safetensors, RefusesEntriesThatDoNotAgree) {
  EXPECT_EQ(tensor_refusal(""), "x: tensor \"w\": dtype is missing");
  EXPECT_EQ(tensor_refusal(R"("dtype":"U8","shape":[])"),
            "x: tensor \"w\": data_offsets is missing");
  EXPECT_EQ(tensor_refusal(R"("strides":[1])"),
            "x: tensor \"w\": expected the keys dtype, shape and data_offsets, got \"strides\"");
  EXPECT_EQ(tensor_refusal(R"("dtype":"F16")"),
            "x: tensor \"w\": dtype: expected F32, F64, BF16, I64 or U8, got \"F16\"");
  EXPECT_EQ(tensor_refusal(R"("dtype":1)"),
            "x: tensor \"w\": dtype: expected a string, got a number");
  EXPECT_EQ(tensor_refusal(R"("dtype":[])"),
            "x: tensor \"w\": dtype: expected a string, got an array");
  EXPECT_EQ(tensor_refusal(R"("shape":2)"),
            "x: tensor \"w\": shape: expected an array, got a number");
  EXPECT_EQ(tensor_refusal(R"("shape":[-1])"),
            "x: tensor \"w\": shape: expected integers of 0 or more, got a negative number");
  EXPECT_EQ(tensor_refusal(R"("shape":[1.0])"),
            "x: tensor \"w\": shape: expected integers of 0 or more, got a number that is no "
            "integer of 64 bits");
  EXPECT_EQ(tensor_refusal(R"("shape":[[1]])"),
            "x: tensor \"w\": shape: expected integers of 0 or more, got an array");
  EXPECT_EQ(tensor_refusal(R"("shape":[9223372036854775808])"),
            "x: tensor \"w\": shape: the size 9223372036854775808 has more than 63 bits");
  EXPECT_EQ(tensor_refusal(R"("shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1])"),
            "x: tensor \"w\": shape: expected at most 16 dimensions");
  EXPECT_EQ(tensor_refusal(R"("data_offsets":[1])"),
            "x: tensor \"w\": data_offsets: expected two numbers, got 1");
  EXPECT_EQ(tensor_refusal(R"("data_offsets":[1,2,3])"),
            "x: tensor \"w\": data_offsets: expected two numbers, got more");
  EXPECT_EQ(tensor_refusal(R"("dtype":"U8","shape":[],"data_offsets":[2,1])"),
            "x: tensor \"w\": data_offsets: begin 2 lies after end 1");
  EXPECT_EQ(tensor_refusal(R"("dtype":"F32","shape":[2],"data_offsets":[0,7])", "1234567"),
            "x: tensor \"w\": data_offsets: expected 8 bytes for shape (2) of f32, got 7");
  EXPECT_EQ(tensor_refusal(R"("dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0])"),
            "x: tensor \"w\": shape: has more bytes than 63 bits can count");
  EXPECT_EQ(
      tensor_refusal(R"("dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0])"),
      "x: tensor \"w\": shape: has more bytes than 63 bits can count");
}

TEST(Safetensors, RefusesHolesAndOverlap) {
  const auto two = [](const std::string& a, const std::string& b) {
    return refusal(file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + a +
                               R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + b + "}}",
                           "12345"));
  };
  EXPECT_EQ(two("[0,2]", "[1,3]"),
            "x: tensor \"b\": data_offsets: begins at byte 1, within a tensor that ends at 2");
  EXPECT_EQ(two("[0,2]", "[0,2]"),
            "x: tensor \"b\": data_offsets: begins at byte 0, within a tensor that ends at 2");
  EXPECT_EQ(two("[3,5]", "[0,2]"),
            "x: tensor \"a\": data_offsets: begins at byte 3, no tensor covers bytes [2, 3)");
  EXPECT_EQ(two("[0,2]", "[2,4]"), "x: no tensor covers bytes [4, 5) of the data");
  EXPECT_EQ(two("[0,2]", "[4,6]"), "x: tensor \"b\": data_offsets: ends at byte 6 of 5");
  EXPECT_EQ(two("[0,2]", "[18446744073709551613,18446744073709551615]"),
            "x: tensor \"b\": data_offsets: ends at byte 18446744073709551615 of 5");
}

TEST(Safetensors, RefusesToWriteWhatItWouldNotRead) {
  const auto naming = [](const std::string& tensor_name) {
    return message_of<ValueError>([&] {
      Safetensors content;
      content.tensors[tensor_name] = Tensor::zeros({1}, DType::u8);
      safetensors_bytes(content);
    });
  };
  const std::string limits =
      "safetensors: expected a tensor's name of at most 4096 bytes without NUL, other than "
      "__metadata__, got ";
  EXPECT_EQ(naming("__metadata__"), limits + "\"__metadata__\"");
  EXPECT_EQ(naming(std::string("a\0b", 3)), limits + "\"a\\u0000b\"");
  EXPECT_EQ(naming(std::string(4097, 'n')), limits + "\"" + std::string(200, 'n') + "\"...");
  EXPECT_EQ(naming("\xff"), "safetensors: expected names and notes in UTF-8, got \"\xef\xbf\xbd\"");
  EXPECT_EQ(message_of<ValueError>([] {
              Safetensors content;
              content.tensors["w"] = Tensor();
              safetensors_bytes(content);
            }),
            "safetensors: tensor \"w\": expected a tensor, got an undefined one");
}

// Every damaged copy loads or is refused; nothing else is thrown, and under the sanitizers nothing
// is read or written out of bounds.
TEST(Safetensors, SurvivesEveryDamagedByte) {
  Safetensors content;
  content.tensors["a"] = Tensor::from<float>({1, 2}, {2, 1});
  content.tensors["b"] = Tensor::from<std::uint8_t>({7, 8, 9}, {3});
  content.metadata["by"] = "hand";
  int loaded = 0, refused = 0;
  for_each_mutation(text_of(safetensors_bytes(content)), [&](const std::string& damaged) {
    try {
      parse_safetensors(bytes_of(damaged), "x");
      ++loaded;
    } catch (const FileError&) {
      ++refused;
    }
  });
  EXPECT_GT(loaded, 200);  // the data bytes, letters of names and notes
  EXPECT_GT(refused, 1500);
}

}  // namespace
}  // namespace chainline
