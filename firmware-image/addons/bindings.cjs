// In place of the package `bindings`: the addon lies beside the file that asks for it.
module.exports = () => require('./epoll.node')
