package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"time"
)

// startRedis runs redis-server on a free port; the address is empty where it is not installed.
func startRedis(folder string) (address string, stop func(), err error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return "", func() {}, nil
	}
	address, err = freeAddress()
	if err != nil {
		return "", nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	child := exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", folder)
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { _ = child.Process.Kill(); _ = child.Wait() }
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return address, stop, nil
		}
	}
	stop()
	return "", nil, errors.New("redis-server did not start")
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
