// Read the seals of a file: ./client FILE [SERVER] [FOLDER]
// Prints the texts, one per line; images of the result go to FOLDER where it is given.
// A server that asks for an access token gets that of the environment variable SEALKIT_TOKEN.
// C++17, libcurl and nlohmann/json (Debian: libcurl4-openssl-dev, nlohmann-json3-dev):
//   g++ -std=c++17 -O2 client.cpp -lcurl -o client
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <curl/curl.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace fs = std::filesystem;
using nlohmann::json;

static const std::string ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static std::string encode(const std::string &bytes) {
    std::string text;
    for (size_t i = 0; i < bytes.size(); i += 3) {
        unsigned block = 0;
        for (size_t k = 0; k < 3; ++k)
            block = block << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (size_t k = 0; k < 4; ++k)
            text += i + k <= bytes.size() ? ALPHABET[block >> (18 - 6 * k) & 63] : '=';
    }
    return text;
}

static std::string decode(const std::string &text) {
    std::string bytes;
    unsigned block = 0;
    int bits = 0;
    for (char character : text) {
        size_t value = ALPHABET.find(character);
        if (value == std::string::npos)
            break;  // the padding
        block = block << 6 | static_cast<unsigned>(value);
        if ((bits += 6) >= 8) {
            bits -= 8;
            bytes += static_cast<char>(block >> bits & 255);
        }
    }
    return bytes;
}

static size_t append(char *data, size_t size, size_t count, void *target) {
    static_cast<std::string *>(target)->append(data, size * count);
    return size * count;
}

static json post(const std::string &url, const std::string &body, long &status) {
    CURL *curl = curl_easy_init();
    if (!curl)
        throw std::runtime_error("libcurl cannot start");
    curl_slist *headers = curl_slist_append(nullptr, "Content-Type: application/json");
    const char *token = std::getenv("SEALKIT_TOKEN");
    if (token && *token)
        headers = curl_slist_append(headers, ("Authorization: Bearer " + std::string(token)).c_str());
    std::string answer;
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 180L);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (code != CURLE_OK)
        throw std::runtime_error(curl_easy_strerror(code));
    return json::parse(answer);
}

static void read(const fs::path &file, const std::string &server, const fs::path &folder) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream)
        throw std::runtime_error("cannot open " + file.string());
    std::string content{std::istreambuf_iterator<char>(stream), {}};
    std::string suffix = file.extension().string();
    std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char c) { return std::tolower(c); });
    json question = {
        {"file", encode(content)}, {"fileType", suffix == ".pdf" ? 0 : 1}, {"visualize", !folder.empty()}};
    long status = 0;
    json answer = post(server + "/seal-recognition", question.dump(), status);
    if (status != 200)
        throw std::runtime_error(std::to_string(status) + ": " + answer.at("errorMsg").get<std::string>());
    int page = 0;
    for (const json &entry : answer.at("result").at("sealRecResults")) {
        for (const json &seal : entry.at("prunedResult").at("seal_res_list"))
            for (const json &text : seal.at("rec_texts"))
                std::cout << text.get<std::string>() << "\n";
        if (entry.contains("outputImages")) {
            fs::create_directories(folder);
            for (const auto &[name, image] : entry.at("outputImages").items())
                std::ofstream(folder / (std::to_string(page) + "_" + name + ".jpg"), std::ios::binary)
                    << decode(image.get<std::string>());
        }
        ++page;
    }
}

int main(int argc, char **argv) {
    if (argc < 2) {
        std::cerr << "usage: client FILE [SERVER] [FOLDER]\n";
        return 1;
    }
    try {
        read(argv[1], argc > 2 ? argv[2] : "http://127.0.0.1:8080", argc > 3 ? fs::path(argv[3]) : fs::path());
    } catch (const std::exception &error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
    return 0;
}
