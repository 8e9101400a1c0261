// Command peer is grpc-go as the peer of grpc.ts, of unary and bidi calls: `peer serve|call '<plan as JSON>'`. See
// there for plan and report. A client compresses each message, of no bytes, too; a server, where requests were.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/gzip"
)

const (
	maxLength = 16 << 20
	service   = "interop.Echo"
)

type plan struct {
	Encoding string  `json:"encoding"`
	Kind     string  `json:"kind"`
	Lanes    [][]int `json:"lanes"`
	Port     int     `json:"port"`
}

type report struct {
	mutex    sync.Mutex
	Sent     map[int]int `json:"sent"`
	Received map[int]int `json:"received"`
	Problems []string    `json:"problems"`
}

var reported = report{Sent: map[int]int{}, Received: map[int]int{}, Problems: []string{}}

func tally(of map[int]int, length int) {
	reported.mutex.Lock()
	defer reported.mutex.Unlock()
	of[length]++
}

func problem(format string, args ...interface{}) {
	reported.mutex.Lock()
	defer reported.mutex.Unlock()
	reported.Problems = append(reported.Problems, fmt.Sprintf(format, args...))
}

// rawCodec passes bytes on, and counts them. Its name is that of the codec it takes the place of.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(value interface{}) ([]byte, error) {
	message := *value.(*[]byte)
	tally(reported.Sent, len(message))
	return message, nil
}

func (rawCodec) Unmarshal(message []byte, value interface{}) error {
	tally(reported.Received, len(message))
	*value.(*[]byte) = append([]byte{}, message...)
	return nil
}

// messageOf gives no two alike. One shrinks to the half, the next to almost nothing.
func messageOf(lane, index, length int) []byte {
	period := length
	if index%2 == 1 && length > 64 {
		period = 64
	}
	random := rand.New(rand.NewSource(int64(lane*1000 + index)))
	bytes := make([]byte, length)
	for i := range bytes {
		if i < period {
			bytes[i] = "0123456789abcdef"[random.Intn(16)]
		} else {
			bytes[i] = bytes[i-period]
		}
	}
	return bytes
}

func echoUnary(_ interface{}, _ context.Context, decode func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
	var message []byte
	err := decode(&message)
	return &message, err
}

func echoBidi(_ interface{}, stream grpc.ServerStream) error {
	for {
		var message []byte
		if err := stream.RecvMsg(&message); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
}

func serve(plan) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxLength), grpc.MaxSendMsgSize(maxLength))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: service,
		HandlerType: (*interface{})(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "unary", Handler: echoUnary}},
		Streams:     []grpc.StreamDesc{{StreamName: "bidi", Handler: echoBidi, ServerStreams: true, ClientStreams: true}},
	}, struct{}{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		server.GracefulStop()
	}()
	printJSON(map[string]int{"port": listener.Addr().(*net.TCPAddr).Port})
	return server.Serve(listener)
}

func unary(connection *grpc.ClientConn, requests [][]byte, check func([]byte)) error {
	for i := range requests {
		var reply []byte
		if err := connection.Invoke(context.Background(), "/"+service+"/unary", &requests[i], &reply); err != nil {
			return err
		}
		check(reply)
	}
	return nil
}

func bidi(connection *grpc.ClientConn, requests [][]byte, check func([]byte)) error {
	description := grpc.StreamDesc{StreamName: "bidi", ServerStreams: true, ClientStreams: true}
	stream, err := connection.NewStream(context.Background(), &description, "/"+service+"/bidi")
	if err != nil {
		return err
	}
	go func() {
		for i := range requests {
			if stream.SendMsg(&requests[i]) != nil {
				return // RecvMsg has the reason
			}
		}
		stream.CloseSend()
	}()
	for {
		var reply []byte
		if err := stream.RecvMsg(&reply); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		check(reply)
	}
}

func call(plan plan) error {
	connection, err := grpc.Dial(fmt.Sprintf("127.0.0.1:%d", plan.Port), grpc.WithInsecure(), grpc.WithDefaultCallOptions(
		grpc.UseCompressor(gzip.Name), grpc.MaxCallRecvMsgSize(maxLength), grpc.MaxCallSendMsgSize(maxLength)))
	if err != nil {
		return err
	}
	defer connection.Close()
	exchange := map[string]func(*grpc.ClientConn, [][]byte, func([]byte)) error{"unary": unary, "bidi": bidi}[plan.Kind]
	var running sync.WaitGroup
	for lane, lengths := range plan.Lanes {
		running.Add(1)
		go func(lane int, lengths []int) {
			defer running.Done()
			requests := make([][]byte, len(lengths))
			for index, length := range lengths {
				requests[index] = messageOf(lane, index, length)
			}
			replies := 0
			err := exchange(connection, requests, func(reply []byte) {
				if replies >= len(requests) || !bytes.Equal(reply, requests[replies]) {
					problem("reply %d of lane %d, %d bytes", replies, lane, len(reply))
				}
				replies++
			})
			if err != nil {
				problem("lane %d: %v", lane, err)
			} else if replies != len(requests) {
				problem("%d replies of %d", replies, len(requests))
			}
		}(lane, lengths)
	}
	running.Wait()
	return nil
}

func printJSON(line interface{}) {
	text, err := json.Marshal(line)
	exitOn(err)
	fmt.Println(string(text))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	encoding.RegisterCodec(rawCodec{})
	var given plan
	exitOn(json.Unmarshal([]byte(os.Args[2]), &given))
	if os.Args[1] == "serve" {
		exitOn(serve(given))
	} else {
		exitOn(call(given))
	}
	printJSON(&reported)
}
