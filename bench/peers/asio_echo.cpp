/* SPDX-License-Identifier: MIT */
/* A peer: TCP echo on Boost.Asio with callbacks (its epoll reactor), one thread, one buffer
 * per connection, as its own examples do. --port N. */
#define BOOST_ASIO_DISABLE_THREADS 1
#include <boost/asio.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#ifndef BUFFER_SIZE
#define BUFFER_SIZE (128 << 10)
#endif

using boost::asio::ip::tcp;
using boost::system::error_code;

class session : public std::enable_shared_from_this<session> {
public:
    explicit session(tcp::socket s) : socket_(std::move(s))
    {
        error_code ignored;
        socket_.set_option(tcp::no_delay(true), ignored);
    }

    void read()
    {
        auto self = shared_from_this();
        socket_.async_read_some(boost::asio::buffer(bytes_),
                                [this, self](error_code ec, std::size_t n) {
                                    if (!ec)
                                        write(n);
                                });
    }

private:
    void write(std::size_t n)
    {
        auto self = shared_from_this();
        boost::asio::async_write(socket_, boost::asio::buffer(bytes_, n),
                                 [this, self](error_code ec, std::size_t) {
                                     if (!ec)
                                         read();
                                 });
    }

    tcp::socket socket_;
    std::array<char, BUFFER_SIZE> bytes_;
};

static void accept_next(tcp::acceptor &acceptor)
{
    acceptor.async_accept([&acceptor](error_code ec, tcp::socket s) {
        if (!ec)
            std::make_shared<session>(std::move(s))->read();
        accept_next(acceptor);
    });
}

int main(int argc, char **argv)
{
    if (argc != 3 || std::strcmp(argv[1], "--port") != 0) {
        std::fputs("usage: peer-asio-echo --port N\n", stderr);
        return 2;
    }
    try {
        boost::asio::io_context context(1);
        auto port = static_cast<unsigned short>(std::atoi(argv[2]));
        tcp::acceptor acceptor(context,
                               tcp::endpoint(boost::asio::ip::address_v4::loopback(), port));
        acceptor.listen(4096);
        accept_next(acceptor);
        context.run();
    } catch (const std::exception &e) {
        std::fprintf(stderr, "peer-asio-echo: %s\n", e.what());
        return 1;
    }
    return 0;
}
