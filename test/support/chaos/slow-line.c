/*
 * A listener's slow line: slow-line PORT BYTES_PER_SECOND copies stdin to a port of this machine, and what comes back to stdout
 * at that rate. Ends when either side does.
 *
 * Sockets of one machine hold minutes of audio between them unless the receiver's buffer and the segments are small, which has
 * to be settled before the connection: Node cannot.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { stepMs = 50, bufferBytes = 65536 };

static int openLine(int port) {
  int line = socket(AF_INET, SOCK_STREAM, 0), receiveBytes = 4096, segmentBytes = 536;
  setsockopt(line, SOL_SOCKET, SO_RCVBUF, &receiveBytes, sizeof receiveBytes);
  setsockopt(line, IPPROTO_TCP, TCP_MAXSEG, &segmentBytes, sizeof segmentBytes);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  return connect(line, (struct sockaddr *)&to, sizeof to) == 0 ? line : -1;
}

static int writeAll(int to, const char *bytes, ssize_t count) {
  for (ssize_t done; count > 0; bytes += done, count -= done)
    if ((done = write(to, bytes, count)) <= 0) return 0;
  return 1;
}

int main(int count, char **words) {
  static char buffer[bufferBytes];
  int line = count == 3 ? openLine(atoi(words[1])) : -1;
  if (line < 0) return 1;
  long stepBytes = atol(words[2]) * stepMs / 1000;
  const struct timespec step = {.tv_nsec = stepMs * 1000000L};
  for (;;) {
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&in, 1, 0) > 0) {
      ssize_t asked = read(STDIN_FILENO, buffer, sizeof buffer);
      if (asked <= 0 || !writeAll(line, buffer, asked)) return 0;
    }
    ssize_t come = recv(line, buffer, stepBytes < bufferBytes ? stepBytes : bufferBytes, MSG_DONTWAIT);
    if (come == 0 || (come > 0 && !writeAll(STDOUT_FILENO, buffer, come))) return 0;
    nanosleep(&step, NULL);
  }
}
